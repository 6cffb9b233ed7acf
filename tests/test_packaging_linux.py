"""The Linux installers' parts against the code: quick, nothing is built."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.version import COMMAND, CONTACT, NAME, VERSION
from scripts import _licences, bundle_binaries, bundle_contents, check_deb, make_deb, make_run
from scripts import _linux_tree as tree

RUN = tree.LINUX / "run"
FILLED = {
    "NAME": NAME,
    "COMMAND": COMMAND,
    "VERSION": VERSION,
    "MACHINE": "x86_64",
    "ABI": "libc6,x86-64",
    "GLIBC": "2.36",
    "UNPACKED_KB": "1000",
    "LIBRARIES": "libEGL.so.1=libegl1 libGL.so.1=libgl1",
}


@pytest.mark.parametrize("name", make_run._SCRIPTS)
def test_scripts_of_the_run_installer(name: str, tmp_path: Path) -> None:
    """Every value is filled in, and the shell reads them without complaint."""
    text = make_run.script(name, FILLED)
    assert not re.search(r"@[A-Z_]+@", text)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    for checker in (["sh", "-n"], ["shellcheck", "-s", "sh"]):
        if shutil.which(checker[0]) is not None:
            done = subprocess.run(
                [*checker, str(path)], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


def test_a_value_that_nobody_fills_in_is_an_error() -> None:
    with pytest.raises(KeyError):
        make_run.script("install.sh", {"NAME": NAME})


def test_the_list_of_files_holds_folders_and_files(tmp_path: Path) -> None:
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "inner" / "a.so").touch()
    (tmp_path / "inner" / "b.so").symlink_to("a.so")
    lines = make_run.file_list(tmp_path).splitlines()
    assert lines == ["d inner", "f inner/a.so", "f inner/b.so", "d inner/deep"]


def test_a_name_that_xargs_would_split_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two words").touch()
    with pytest.raises(SystemExit, match="two words"):
        make_run.file_list(tmp_path)


def test_changelog_in_debians_form() -> None:
    text = make_deb.changelog()
    lines = text.splitlines()
    assert lines[0] == f"{COMMAND} ({VERSION}) stable; urgency=medium"
    assert re.fullmatch(
        rf" -- {re.escape(CONTACT)}  \w{{3}}, \d\d \w{{3}} \d{{4}} [\d:]+ \+0000", lines[-1]
    )
    items = [line for line in lines if line.startswith("  * ")]
    assert len(items) > 5
    assert max(map(len, lines[:-1])) <= 80
    assert "###" not in text


def test_copyright_covers_what_is_bundled() -> None:
    text = make_deb.copyright_file()
    assert text.startswith("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/")
    assert not re.search(r"@[A-Z]+@", text)
    assert "Permission is hereby granted, free of charge" in text
    for part in ("torch", "PySide6", "cv2", "numpy", "PIL", "python3", "libpython"):
        assert f"/_internal/{part}" in text, part
    blocks = [block.strip() for block in text.split("\n\n")]
    used = {re.findall(r"^License: (.+)$", b, re.MULTILINE)[0] for b in blocks if b[:5] == "Files"}
    assert used == {b.splitlines()[0].removeprefix("License: ") for b in blocks if b[:3] == "Lic"}


def test_every_override_has_a_reason_above_it() -> None:
    blocks = (tree.LINUX / "lintian-overrides").read_text(encoding="utf-8").strip().split("\n\n")
    for block in blocks:
        lines = block.splitlines()
        assert lines[0].startswith("# "), block
        assert any(line.startswith(f"{COMMAND}: ") for line in lines), block


def test_licences_of_everything_that_is_bundled(tmp_path: Path) -> None:
    """One file each, torch, OpenCV and Qt among them; no tool of development."""
    names = _licences.collect(tmp_path / "licences", bundle_contents.bundled_distributions())
    wanted = {"torch", "torchvision", "numpy", "opencv-python", "pyside6-essentials", "python"}
    assert wanted <= set(names)
    assert not {"setuptools", "pytest", "mypy", "pyinstaller"} & set(names)
    for name in names:
        assert (tmp_path / "licences" / f"{name}.txt").stat().st_size > 100, name
    assert "Apache" in (tmp_path / "licences/opencv-python.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf reads Linux's libraries")
def test_search_paths_of_the_building_system_are_found() -> None:
    """Python's own are told from those that begin where the library lies."""
    import _ctypes

    paths = bundle_binaries._run_path(_ctypes.__file__)
    assert all(path.startswith(("/", "$ORIGIN")) for path in paths)


def test_what_the_checks_expect_is_what_the_entry_names() -> None:
    entry = (tree.LINUX / f"{COMMAND}.desktop").read_text(encoding="utf-8")
    assert all(f"{kind};" in entry for kind in check_deb._MIME)


def test_a_missing_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make bundle"):
        tree.require_bundle(tmp_path)
