"""What the installer for Windows is made from. `make test-installer` compiles and runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.files import suffixes
from engine.version import APP_ID, COMMAND, NAME, VERSION
from scripts.bundle import identity
from scripts.installers import make_nsis

SCRIPT = make_nsis.SCRIPT.read_text(encoding="utf-8")


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    for place in (f"{NAME}.exe", "_internal/b.dll", "_internal/torch/lib/c 1.dll", "LICENSE"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"x" * 1500)
    return tmp_path


def test_name_version_and_ids_are_not_typed_into_the_script() -> None:
    assert make_nsis.SCRIPT.name == f"{COMMAND}.nsi"
    for typed in (NAME, VERSION, APP_ID, identity.PUBLISHER):
        assert typed not in SCRIPT
    assert "RequestExecutionLevel user" in SCRIPT
    assert "Target amd64-unicode" in SCRIPT


def test_nothing_is_removed_that_was_not_installed() -> None:
    """No folder is removed with whatever is in it, and only this user's registry is written."""
    code = [line.partition(";")[0] for line in SCRIPT.splitlines()]
    assert not [line for line in code if re.search(r"RMDir\s+/r", line, re.IGNORECASE)]
    written = [line for line in code if re.search(r"(Write|Delete)Reg", line)]
    assert written
    assert all("HKCU" in line for line in written)


def test_all_that_the_script_asks_for_is_defined(payload: Path) -> None:
    files = make_nsis.payload_files(payload)
    given = set(make_nsis.definitions(payload, files, VERSION))
    given |= {"ICON", "SIDE", "OUTPUT", "PAYLOAD_NSH", "LIST_FILE"}
    used = set(re.findall(r"\$\{([A-Z][A-Z_0-9]+)\}", SCRIPT)) - {
        *("UN", "SUFFIX", "KIND", "TEXT", "PICTURE", "MIME")
    }
    own = set(re.findall(r"^!define (\w+)", SCRIPT, re.MULTILINE))
    # SIGN is there only where somebody signs.
    assert used - own - given == {"SIGN"}


def test_the_list_names_every_file_and_then_folders_from_the_inside_out(payload: Path) -> None:
    files = make_nsis.payload_files(payload)
    assert make_nsis.list_text(files).split("\r\n") == [
        f"{NAME}.exe",
        "LICENSE",
        "_internal\\b.dll",
        "_internal\\torch\\lib\\c 1.dll",
        "_internal\\torch\\lib\\",
        "_internal\\torch\\",
        "_internal\\",
        "",
    ]


def test_every_file_and_suffix_reaches_the_script(payload: Path) -> None:
    files = make_nsis.payload_files(payload)
    text = make_nsis.include_text(payload, files)
    folder, found = "", set()
    for line in text.splitlines():
        if match := re.fullmatch(r'  SetOutPath "\$INSTDIR\\?(.*)"', line):
            folder = match[1].replace("\\", "/")
        elif match := re.fullmatch(r'  File "(.*)"', line):
            path = Path(match[1])
            found.add(f"{folder}/{path.name}".lstrip("/"))
            assert path.is_file()
    assert found == set(files)
    entered = dict(re.findall(r'\$\{ACTION\} "(\.\w+)" "(\w+)"$', text, re.MULTILINE))
    assert entered == {s: kind for kind, (_, every) in identity.DOCUMENTS.items() for s in every}
    assert make_nsis.definitions(payload, files, "1.20.3")["VERSION4"] == "1.20.3.0"
    assert make_nsis.definitions(payload, files, VERSION)["SIZE_KB"] == "6"


@pytest.mark.parametrize("name", ["ü.dll", "a$b.dll", 'a"b.dll', "x" * 210])
def test_names_that_cannot_be_installed_are_refused(payload: Path, name: str) -> None:
    (payload / name).touch()
    with pytest.raises(ValueError, match=r"on Windows"):
        make_nsis.payload_files(payload)


@pytest.mark.parametrize(
    "script", ["installers/make_nsis", "installers/check_nsis", "make_checksums"]
)
def test_the_release_workflow_runs_them_without_the_programs_packages(script: str) -> None:
    root = Path(make_nsis.__file__).parents[2]
    command = [sys.executable, "-S", f"scripts/{script}.py", "--help"]
    subprocess.run(command, cwd=root, capture_output=True, timeout=60, check=True)


def test_a_folder_without_the_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"no {NAME}\.exe"):
        make_nsis.payload_files(tmp_path)


def test_a_double_click_opens_the_programs_own_files_and_no_others(payload: Path) -> None:
    """A session's suffix leads to the program; what others have entered for images stays."""
    text = make_nsis.include_text(payload, make_nsis.payload_files(payload))
    own = re.findall(r'\$\{ACTION\} "(\.\w+)" "(\w+)" "(\S+/\S+)"', text)
    assert own == [(suffixes.SESSION, "Session", suffixes.SESSION_MIME)]
    # The default of a suffix is what a double click does: written for these alone.
    code = [line.partition(";")[0].strip() for line in SCRIPT.splitlines()]
    place = '"${CLASSES}\\${SUFFIX}"'
    defaults = [n for n, line in enumerate(code) if f'WriteRegStr HKCU {place} ""' in line]
    assert [code[n - 1] for n in defaults] == ["!macro Own SUFFIX KIND MIME"]
    # It is taken back only where it is still the program's, and before the key is found empty.
    taken = code.index(f'DeleteRegValue HKCU {place} ""')
    assert code[taken - 1] == '${If} $1 == "${NAME}.${KIND}"'
    removing = code.index("Function ${UN}RemoveDocuments")
    assert code[removing + 1] == "!insertmacro ForEachOwn Disown"


def test_each_kind_of_document_is_removed_again(payload: Path) -> None:
    text = make_nsis.include_text(payload, make_nsis.payload_files(payload))
    kinds = re.findall(r'\$\{ACTION\} "(\w+)" "[^"]+" "([^"]+)"', text)
    assert dict(kinds) == {
        "Picture": f"{NAME}.exe,0",
        "Model": f"{NAME}.exe,0",
        "Session": rf"_internal\{COMMAND}-session.ico",
    }
    for kind, _ in kinds:
        assert f'DeleteRegKey HKCU "${{CLASSES}}\\${{NAME}}.{kind}"' in SCRIPT
        assert f'OpenWithProgids" "${{NAME}}.{kind}"' in SCRIPT
