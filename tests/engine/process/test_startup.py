"""What is put in order before the program starts."""

from __future__ import annotations

import ast
import ctypes
import logging
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.process import startup

ROOT = Path(__file__).resolve().parents[3]


def test_prepare_comes_before_everything_else() -> None:
    """The entry point imports nothing of the program before startup has been through."""
    tree = ast.parse((ROOT / "gui/app/entry.py").read_text(encoding="utf-8"))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    lines = [ast.unparse(node) for node in function.body[1:3]]
    assert lines == ["from engine.process.startup import prepare", "prepare()"]
    outside = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not [n for n in outside if ast.unparse(n).startswith(("from engine", "from gui"))]
    # Nor do the packages that it lies in, or what calls it.
    for name in ("gui/__init__.py", "gui/app/__init__.py", "main.py"):
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert {ast.unparse(node) for node in nodes} <= {
            "from __future__ import annotations",
            "from gui.app.entry import main, run",
        }


def test_missing_streams_become_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    caplog.set_level(logging.INFO)
    startup.adopt_streams()
    print("half a ", end="")  # noqa: T201 - what a network's file does
    print("line")  # noqa: T201
    sys.stderr.write("\r 10%\r 50%\rdone\n\n")
    sys.stdout.write("no end of line")
    sys.stdout.flush()
    assert [(r.name, r.levelname, r.message) for r in caplog.records] == [
        ("stdout", "INFO", "half a line"),
        ("stderr", "WARNING", " 10%"),
        ("stderr", "WARNING", " 50%"),
        ("stderr", "WARNING", "done"),
        ("stdout", "INFO", "no end of line"),
    ]
    assert not sys.stdout.isatty()
    assert sys.stdout.encoding == "utf-8"


def test_streams_that_are_there_stay(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    startup.adopt_streams()
    assert (sys.stdout, sys.stderr) == before


def test_a_log_that_writes_to_stderr_does_not_turn_in_circles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no log file can be written, the log goes to stderr, which goes to the log."""
    monkeypatch.setattr(sys, "stderr", None)
    startup.adopt_streams()
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("stderr")
    logger.addHandler(handler)
    try:
        sys.stderr.write("once\n")
        logger.warning("twice")
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("original", "after"), [("/opt/mine/lib", "/opt/mine/lib"), (None, None), ("", None)]
)
def test_child_processes_get_the_users_library_path(
    monkeypatch: pytest.MonkeyPatch, original: str | None, after: str | None
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/hookscope/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if original is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", original)
    startup.restore_library_path()
    assert os.environ.get("LD_LIBRARY_PATH") == after
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ


def library(folder: Path, version: tuple[int, int, int, int] | None) -> Path:
    """A file with the version block of a Windows library, as the format describes it."""
    folder.mkdir(parents=True, exist_ok=True)
    block = b""
    if version is not None:
        high, low = version[0] << 16 | version[1], version[2] << 16 | version[3]
        block = struct.pack("<IIII", 0xFEEF04BD, 0x00010000, high, low)
    path = folder / "msvcp140.dll"
    path.write_bytes(b"MZ" + b"\0" * 50 + block + b"\0" * 20)
    return path


def test_the_newest_runtime_is_loaded_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(tmp_path / "qt", (14, 36, 32532, 0))
    wanted = library(tmp_path / "torch", (14, 42, 34433, 0))
    library(tmp_path / "system", (14, 42, 34433, 0))
    library(tmp_path / "odd", None)
    folders = [tmp_path / name for name in ("qt", "torch", "system", "odd", "absent")]
    assert startup.file_version(wanted) == (14, 42, 34433, 0)
    assert startup.file_version(tmp_path / "odd/msvcp140.dll") == (0, 0, 0, 0)
    loaded: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", loaded.append)
    startup.load_newest_runtimes(folders)
    assert loaded == [str(wanted)]


def test_a_runtime_that_does_not_load_is_told_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: str) -> Any:
        raise OSError("not for this machine")

    path = library(tmp_path, (14, 40, 0, 0))
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    startup.load_newest_runtimes([tmp_path])
    assert str(path) in caplog.text
