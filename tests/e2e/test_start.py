"""`main.py FILES...` in a process of its own, up to its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.demo import SCENES

ROOT = Path(__file__).resolve().parent.parent.parent

# The program as it is; when the first map is there, it says what it shows and is told to end.
_RUN = """
import os, signal, sys
from gui import application

original = application.Program.__init__

def init(self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.state.answer_changed.connect(lambda: shown(self))

def shown(program):
    names = [image.name for image in program.state.images.values()]
    print(program.window.windowTitle(), names)
    {end}

application.Program.__init__ = init
from main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return Path(shutil.copy(SCENES[0].path, tmp_path / "holiday ü.jpg"))


def run(env: dict[str, str], end: str, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN.format(end=end), *map(str, files)],
        cwd=ROOT,
        env=env | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


def test_files_named_at_the_start_are_opened_and_the_window_closes_cleanly(
    picture: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    done = run(child_env(), "program.window.close()", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "holiday ü.jpg — Hookscope ['holiday ü.jpg']"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_interrupting_the_program_ends_it_cleanly(
    picture: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    done = run(child_env(), "os.kill(os.getpid(), signal.SIGINT)", picture)
    assert (done.returncode, done.stderr) == (130, "")
