"""The packaged program's recipe against the code: quick, nothing is built."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine import paths
from engine.errors import ModelError
from engine.files import suffixes
from engine.formats.photos import opening
from engine.formats.python import importing
from engine.lazy import extras
from engine.version import APP_ID, COMMAND, NAME, SUMMARY, VERSION
from engine.weights.state_dicts import checksum
from scripts.bundle import binaries as files
from scripts.bundle import contents

ROOT = Path(__file__).resolve().parents[3]
SPEC = (ROOT / "build.spec").read_text(encoding="utf-8")


def bundled() -> set[str]:
    """Every file of the project that the bundle holds, as the code asks for it."""
    found: set[str] = set()
    for source, folder in contents.DATA:
        path = ROOT / source
        assert path.exists(), source
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        base = path.parent if path.is_file() else path
        found |= {(Path(folder) / p.relative_to(base)).as_posix() for p in files}
    return found


def test_the_spec_takes_name_and_contents_from_the_code() -> None:
    ast.parse(SPEC)
    assert "name=NAME" in SPEC
    assert "upx=False" in SPEC
    assert "console=False" in SPEC
    assert not re.search(r"[\"']Hookscope", SPEC)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], list(project["scripts"])) == (COMMAND, [COMMAND])
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)+\.[A-Z]\w+", APP_ID)
    assert NAME.lower() == COMMAND


def test_every_shipped_file_lies_where_the_code_looks() -> None:
    """Nothing of resources/ is forgotten but what the installers alone read."""
    resources = ROOT / "resources"
    wanted = {p.relative_to(ROOT).as_posix() for p in resources.rglob("*") if p.is_file()}
    wanted = {place for place in wanted if not place.startswith("resources/packaging/")}
    assert wanted <= bundled()
    assert not [place for place in bundled() if place.startswith("resources/packaging/")]


def test_the_guide_is_shipped_with_its_pictures() -> None:
    text = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    pictures = {f"docs/{target}" for target in re.findall(r"\]\((images/[^)#]+)\)", text)}
    assert pictures
    assert {"docs/guide.md", *pictures} <= bundled()


def test_files_are_looked_for_below_the_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths._root() == tmp_path


def test_weights_that_are_a_requirement_lie_where_the_code_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ((source, folder),) = [pair for pair in contents.datas() if pair[1].startswith(opening.PACKAGE)]
    (tmp_path / folder).mkdir(parents=True)
    shutil.copy(source, tmp_path / folder)
    monkeypatch.setattr(opening, "PACKAGED", True)
    monkeypatch.setattr(opening, "ROOT", tmp_path)
    found = opening.weights_file()
    assert found.is_relative_to(tmp_path)
    assert checksum(found) == opening.SHA256


def test_extras_and_development_tools_are_left_out() -> None:
    left_out = set(contents.excluded())
    assert set(extras.PACKAGES) <= left_out
    assert {"matplotlib", "scipy", "sklearn", "setuptools", "tkinter", "PyInstaller"} <= left_out
    # What only the extras and the tools need goes with them.
    assert {"pytest", "mypy", "tokenizers", "google", "pydantic", "ruff"} <= left_out


def test_what_the_program_needs_is_not_left_out() -> None:
    """Neither requirements.txt, nor what those packages need, nor the program itself."""
    left_out = set(contents.excluded())
    needed = ("torch", "torchvision", "PySide6", "shiboken6", "numpy", "cv2", "PIL", "safetensors")
    needed += ("platformdirs", "psutil", "filelock", "sympy", "mpmath", "networkx", "jinja2")
    needed += ("httpx2", "httpcore2", "h11", "anyio", "idna", "truststore")
    needed += ("markupsafe", "fsspec", "typing_extensions", "cli", "engine", "gui", "main")
    assert not left_out & set(needed)


def test_the_standard_library_is_there_for_a_networks_file() -> None:
    library = contents.standard_library()
    assert {"statistics", "csv", "sqlite3", "xml", "asyncio", "unittest"} <= set(library)
    assert {"logging.config", "xml.etree.ElementTree", "concurrent.futures.thread"} <= set(library)
    assert not {"tkinter", "test", "idlelib", "ctypes.test"} & set(library)


def test_links_to_what_was_dropped_are_dropped() -> None:
    binaries = [("PySide6/Qt/lib/libQt6Core.so.6", "/there/libQt6Core.so.6", "BINARY")]
    links = [
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Qml.so.6", "PySide6/Qt/lib/libQt6Qml.so.6", "SYMLINK"),
    ]
    assert files.without_dangling(links, binaries) == links[:1]


def test_links_inside_the_frameworks_of_macos_stay() -> None:
    """Without them codesign does not take a framework for one."""
    binaries, links = [], []
    for name in ("QtCore", "QtQml"):
        framework = f"PySide6/Qt/lib/{name}.framework"
        binaries.append((f"{framework}/Versions/A/{name}", f"/there/{name}", "BINARY"))
        links += [
            (f"{framework}/Versions/A/Resources/Info.plist", "/there/Info.plist", "DATA"),
            (f"{framework}/Versions/Current", "A", "SYMLINK"),
            (f"{framework}/{name}", f"Versions/Current/{name}", "SYMLINK"),
            (f"{framework}/Resources", "Versions/Current/Resources", "SYMLINK"),
            (name, f"{framework}/Versions/A/{name}", "SYMLINK"),
        ]
    left = [entry for entry in binaries if not contents.is_dropped(entry[0])]
    assert files.without_dangling(links, left) == links[:5]
    loop = [("a", "b", "SYMLINK"), ("b", "a", "SYMLINK")]
    assert files.without_dangling(loop, []) == []


def test_a_file_that_links_lead_to_twice_is_bundled_once(tmp_path: Path) -> None:
    """torch as conda lays it out: its libraries in lib, links to them in the package."""
    library = tmp_path / "lib/libtorch_cpu.dylib"
    package = tmp_path / "lib/python3.11/site-packages/torch"
    (package / "lib").mkdir(parents=True)
    library.write_bytes(b"code")
    link = package / "lib/libtorch_cpu.dylib"
    link.symlink_to("../../../../libtorch_cpu.dylib")
    (package / "_C.so").write_bytes(b"code")
    entries = [
        ("torch/_C.so", str(package / "_C.so"), "EXTENSION"),
        ("torch/lib/libtorch_cpu.dylib", str(link), "BINARY"),
        ("libtorch_cpu.dylib", str(library), "BINARY"),
    ]
    linked = ("torch/lib/libtorch_cpu.dylib", "../../libtorch_cpu.dylib", "SYMLINK")
    assert files.once(entries, []) == [entries[0], linked, entries[2]]
    # PyInstaller's own link goes on leading to a file, and is not dropped.
    top = ("libtorch.1.dylib", "torch/lib/libtorch_cpu.dylib", "SYMLINK")
    kept = files.once(entries, [top])
    assert kept == [*entries[:2], ("libtorch_cpu.dylib", linked[0], "SYMLINK")]
    assert files.without_dangling([top], kept) == [top]
    # Nor is one that leads there over another link.
    assert files.without_dangling([top], [entries[2], linked]) == [top]


@pytest.mark.parametrize(
    "place",
    [
        "torch/test/test_api",
        "torch/bin/test_jit",
        "torch/bin/protoc",
        "torch/include/ATen/ATen.cuh",
        "torch/lib/libjitbackend_test.so",
        "torch/lib/libtorchbind_test.so",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6/Qt/lib/libQt6EglFsKmsSupport.so.6",
        "PySide6\\Qt6Qml.dll",
        "PySide6/translations/qtbase_de.qm",
        "PySide6/Qt/translations/qtbase_de.qm",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboardplugin.so",
        "cv2/qt/plugins/platforms/libqxcb.so",
        "libgtk-3.so.0",
        "libstdc++.so.6",
        "_gdcm/gdcmconv",
        "_gdcm/gdcmdump.exe",
        "pydicom/data/test_files/CT_small.dcm",
    ],
)
def test_dropped(place: str) -> None:
    assert contents.is_dropped(place)


@pytest.mark.parametrize(
    "place",
    [
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/bin/torch_shm_manager",
        "torch\\lib\\torch_cpu.dll",
        "torch/testing/_internal/logging_tensor.py",
        "PySide6/Qt/lib/libQt6Core.so.6",
        "PySide6/QtNetwork.abi3.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/plugins/styles/qmodernwindowsstyle.dll",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/platforminputcontexts/libibusplatforminputcontextplugin.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/lib/libQt6WaylandClient.so.6",
        "cv2/cv2.abi3.so",
        "libxcb-cursor.so.0",
        "libcrypto.so.3",
        "_gdcm/_gdcmswig.so",
        "_gdcm/gdcmswig.py",
        "_gdcm/libgdcmMSFF.so.3.2",
        "pydicom/data/charset_files/FileInfo.txt",
    ],
)
def test_kept(place: str) -> None:
    assert not contents.is_dropped(place)


def test_every_decoder_can_be_imported_under_its_name() -> None:
    """What the packager is told of by name is there, as it is for pydicom in the bundle."""
    for module in contents.HIDDEN:
        assert importlib.util.find_spec(module) is not None, module
    for name in contents.METADATA:
        assert metadata.version(name)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf reads Linux's libraries")
def test_a_module_beside_the_libraries_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library links to a module; a library that none links to is left out."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(files, "_needed", lambda *_: {"libneeded.so"})
    entries = [
        ("_decoder.cpython-311-x86_64-linux-gnu.so", "/there/_decoder.so", "EXTENSION"),
        ("libneeded.so", "/there/libneeded.so", "BINARY"),
        ("libother.so", "/there/libother.so", "BINARY"),
    ]
    assert files.kept(entries) == entries[:2]


def test_a_package_that_is_missing_leads_to_the_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing can be installed into the packaged program, so it does not say 'install it'.

    The check of the packaged program, which runs seldom, looks for the same words.
    """
    from engine.files.trust import Trust
    from scripts.bundle.models import REFUSED

    looked_for = {command[1]: words for command, words in REFUSED}
    path = tmp_path / "network.py"
    path.write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.setattr(paths, "PACKAGED", True)
    with pytest.raises(
        ModelError, match="'no_such_package', which the installed program"
    ) as caught:
        importing.import_file(path, trust=Trust(everything=True))
    assert all(word in str(caught.value) for word in looked_for["needy.py"] if word != "'einops'")
    monkeypatch.setattr(extras, "installed", lambda _package: False)
    with pytest.raises(ModelError, match=r"from source.*requirements-extras\.txt") as caught:
        extras.load("onnx", "network.onnx")
    assert all(word in str(caught.value) for word in looked_for["network.onnx"])
    monkeypatch.setattr(paths, "PACKAGED", False)
    monkeypatch.setattr(paths, "FROM_WHEEL", True)
    with pytest.raises(ModelError, match=r"with its extras, as in '.*\.whl\[extras\]'"):
        extras.load("onnx", "network.onnx")


LINUX = ROOT / "resources/packaging/linux"


def desktop_entry() -> dict[str, str]:
    lines = (LINUX / f"{COMMAND}.desktop").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "[Desktop Entry]"
    return dict(line.split("=", 1) for line in lines[1:] if line)


def test_the_desktop_entry_starts_the_program_with_files() -> None:
    entry = desktop_entry()
    assert (entry["Name"], entry["Comment"], entry["Icon"]) == (NAME, SUMMARY, COMMAND)
    assert (entry["Exec"], entry["Type"]) == (f"{COMMAND} %F", "Application")
    # The window's class is the name that QApplication is made with.
    assert entry["StartupWMClass"] == NAME


_MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


def mime_types() -> dict[str, str]:
    """The MIME type of each suffix that the package brings."""
    root = ElementTree.parse(LINUX / f"{COMMAND}-mime.xml").getroot()
    return {
        str(glob.get("pattern")).removeprefix("*"): str(kind.get("type"))
        for kind in root.findall(f"{_MIME}mime-type")
        for glob in kind.findall(f"{_MIME}glob")
    }


def test_model_files_have_a_type_that_the_entry_opens() -> None:
    """Every suffix of weights and networks, but for those that belong to everybody."""
    kinds = mime_types()
    models = (suffixes.WEIGHTS | suffixes.NETWORKS) - {".bin", ".tar", ".pkl", ".py"}
    assert set(kinds) == models | {suffixes.SESSION}
    assert kinds[suffixes.SESSION] == suffixes.SESSION_MIME
    opened = desktop_entry()["MimeType"].rstrip(";").split(";")
    assert len(opened) == len(set(opened))
    assert set(kinds.values()) == {name for name in opened if name.startswith("application/x-")}
    assert {name for name in opened if name.startswith("application/")} - set(kinds.values()) == {
        "application/dicom"
    }
    pictures = {name for name in opened if name.startswith("image/")}
    assert {"image/png", "image/jpeg", "image/tiff", "image/webp"} <= pictures


def test_metainfo_agrees_with_the_code() -> None:
    root = ElementTree.parse(LINUX / f"{COMMAND}.metainfo.xml").getroot()
    told = {name: root.findtext(name) for name in ("id", "name", "summary", "launchable")}
    assert told == {
        "id": APP_ID,
        "name": NAME,
        "summary": SUMMARY,
        "launchable": f"{COMMAND}.desktop",
    }
    assert root.findtext("provides/binary") == COMMAND
    newest = root.find("releases/release")
    assert newest is not None
    assert newest.get("version") == VERSION


@pytest.mark.parametrize(
    ("tool", "arguments", "file"),
    [
        ("desktop-file-validate", (), f"{COMMAND}.desktop"),
        ("appstreamcli", ("validate", "--no-net"), f"{COMMAND}.metainfo.xml"),
    ],
)
def test_the_desktops_own_tools_find_no_fault(
    tool: str, arguments: tuple[str, ...], file: str
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        [tool, *arguments, str(LINUX / file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
