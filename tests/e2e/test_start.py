"""`main.py FILES...` in a process of its own, up to its end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.formats.demo import SCENES

ROOT = Path(__file__).resolve().parent.parent.parent

# The program as it is; when the first map is there, it says what it shows and is told to end.
_RUN = """
import os, signal, sys, threading
from pathlib import Path
from gui.app.program import Program
from gui.jobs.lanes import Job

# However the tests were started.
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}

original = Program.__init__

def init(self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.state.answer_changed.connect(lambda: shown(self))

def shown(program):
    names = [image.name for image in program.state.images.values()]
    print(program.window.windowTitle(), names)
    {end}

Program.__init__ = init
from main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return Path(shutil.copy(SCENES[0].path, tmp_path / "holiday ü.jpg"))


def run(
    env: dict[str, str], end: str, *files: Path, before: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN.format(end=end, before=before), *map(str, files)],
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_work_that_does_not_stop_holds_no_signal_up(
    picture: Path, tmp_path: Path, child_env: Callable[..., dict[str, str]], name: str
) -> None:
    """The window is closed in order all the same: nothing speaks of a crash at the next start."""
    env = child_env() | {"XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    end = (
        "program.controller.engine_lane.submit("
        "Job('endless', lambda watch: (begun.release(), threading.Event().wait())))"
        "; threading.Thread(target=signalled, daemon=True).start()"
    )
    before = (
        "begun = threading.Semaphore(0)\n"
        "def signalled():\n"
        f"    begun.acquire(); os.kill(os.getpid(), signal.{name})\n"
    )
    done = run(env, end, picture, before=before)
    assert (done.returncode, done.stderr) == (128 + getattr(signal, name), "")
    assert list(tmp_path.rglob("open.hookscope"))
    assert not list(tmp_path.rglob("open.running"))
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_what_is_being_exported_is_finished_when_the_session_ends(
    picture: Path, tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    end = (
        "program.controller.file_lane.submit(Job('export', kept, keep=True))"
        "; os.kill(os.getpid(), signal.SIGTERM)"
    )
    # Longer than what a signal leaves to everything else.
    before = (
        "def kept(watch):\n"
        "    threading.Event().wait(0.5)\n"
        f"    Path({str(tmp_path / 'kept')!r}).touch()\n"
    )
    done = run(child_env(), end, picture, before=before)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")
    assert (tmp_path / "kept").is_file()
