"""Which C++ run-time libraries a Windows bundle gets, with files that stand for them."""

from __future__ import annotations

import struct
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from engine.process import startup
from scripts.bundle import runtimes

NAMES = ("vcruntime140.dll", "vcruntime140_1.dll")
NAMES += ("msvcp140.dll", "msvcp140_1.dll", "msvcp140_2.dll")


def library(folder: Path, name: str, minor: int) -> str:
    """A file that says that it is version 14.MINOR, as the format of version resources has it."""
    folder.mkdir(parents=True, exist_ok=True)
    block = struct.pack("<IIII", 0xFEEF04BD, 0x00010000, 14 << 16 | minor, 0)
    (folder / name).write_bytes(b"MZ" + bytes(30) + block)
    return str(folder / name)


def test_every_copy_is_the_newest(tmp_path: Path) -> None:
    system = tmp_path / "System32"
    for name in NAMES:
        library(system, name, 42)
    qt = library(tmp_path / "qt", "msvcp140.dll", 36)
    torch = library(tmp_path / "torch", "msvcp140.dll", 44)
    other = library(tmp_path / "other", "msvcp140-0a1b2c.dll", 30)
    entries = [
        ("PySide6\\MSVCP140.dll", qt, "BINARY"),
        ("torch\\lib\\msvcp140.dll", torch, "BINARY"),
        ("pillow.libs\\msvcp140-0a1b2c.dll", other, "BINARY"),
        ("torch\\lib\\c10.dll", "c10.dll", "BINARY"),
    ]
    made = runtimes.with_newest_runtimes(entries, system)
    assert made[:4] == [
        ("PySide6\\MSVCP140.dll", torch, "BINARY"),
        ("torch\\lib\\msvcp140.dll", torch, "BINARY"),
        entries[2],
        entries[3],
    ]
    beside = {place: source for place, source, _ in made[4:]}
    assert set(beside) == set(NAMES)
    assert beside["msvcp140.dll"] == torch
    assert beside["vcruntime140.dll"] == str(system / "vcruntime140.dll")


@pytest.mark.parametrize("minor", [39, None])
def test_an_old_or_missing_one_stops_the_build(tmp_path: Path, minor: int | None) -> None:
    for name in NAMES[:-1]:
        library(tmp_path, name, 42)
    if minor is not None:
        library(tmp_path, NAMES[-1], minor)
    with pytest.raises(SystemExit, match=r"msvcp140_2.*needs 14\.40"):
        runtimes.with_newest_runtimes([], tmp_path)


@pytest.mark.parametrize("packaged", [True, False])
def test_the_program_looks_where_those_libraries_lie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packaged: bool
) -> None:
    """Beside the program and in its packages' folders; not packaged, in Python's own and theirs."""
    for package in ("torch", "PySide6", "shiboken6"):
        (tmp_path / package / "lib").mkdir(parents=True)
    if packaged:
        monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    else:
        monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name: ModuleSpec(name, None, origin=str(tmp_path / name / "__init__.py")),
    )
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path / "Windows"))
    places = startup._library_folders()
    assert places[0] == tmp_path
    wanted = {tmp_path / "torch/lib", tmp_path / "PySide6", tmp_path / "Windows/System32"}
    assert wanted <= set(places)
    newest = library(tmp_path / "PySide6", "msvcp140.dll", 44)
    library(tmp_path, "msvcp140.dll", 40)
    assert startup.newest("msvcp140.dll", places) == Path(newest)
