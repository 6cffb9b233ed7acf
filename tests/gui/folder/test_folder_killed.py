"""A run of the window is paused, continued, killed, continued: nothing is computed twice."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.folders.index.queries import Index
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.run import Pace, Run
from gui.jobs.folder import reading
from tests.engine.folders.scenes import write_scenes
from tests.engine.folders.test_run import check_same, rows

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signal")

STAGE = Path(__file__).with_name("stage.py")
COUNT = 160
WAIT_S = 120.0


class Window:
    """The real program in a process of its own, and what its page says."""

    def __init__(self, settings: Path, folder: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(STAGE), str(settings), str(folder)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.sees: dict[str, Any] = {}
        self._rest = b""

    def wait(self, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.process.stdout is not None
        ends = time.monotonic() + WAIT_S
        while not (self.sees and met(self.sees)):
            left = max(0.0, ends - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            assert ready, f"not reached; the last sight was {self.sees}"
            data = os.read(self.process.stdout.fileno(), 65_536)
            assert data, f"the program ended; the last sight was {self.sees}"
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self.sees = json.loads(line)
                if met(self.sees):
                    break
        return self.sees

    def press(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            assert self.process.wait() == -signal.SIGKILL
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> Iterator[Callable[[Path], Window]]:
    opened: list[Window] = []

    def start(folder: Path) -> Window:
        opened.append(Window(tmp_path / "settings.ini", folder, child_env()))
        return opened[-1]

    yield start
    for window in opened:
        if window.process.poll() is None:
            window.kill()


def computed(index: Path) -> tuple[int, list[int]]:
    """How many rows there are, and how many each run computed, a killed one included."""
    with closing(sqlite3.connect(f"{(index / 'index.sqlite').as_uri()}?mode=ro", uri=True)) as own:
        (count,) = own.execute("SELECT count(*) FROM rows").fetchone()
        runs = own.execute("SELECT computed FROM runs ORDER BY id").fetchall()
    return int(count), [int(row[0]) for row in runs]


def test_killed_in_the_middle_and_continued(
    tmp_path: Path, start: Callable[[Path], Window]
) -> None:
    folder = write_scenes(tmp_path / "in", COUNT)
    first = start(folder)
    first.wait(lambda now: now["done"] > 0 and now["state"] == "running")
    first.press()
    paused = first.wait(lambda now: now["state"] == "paused")
    assert 0 < paused["done"] < COUNT
    first.press()
    first.wait(lambda now: now["state"] == "running" and now["done"] > paused["done"])
    first.kill()

    index = reading.index_folder([folder])
    count, runs = computed(index)
    assert paused["done"] < count < COUNT
    assert sum(runs) == count

    second = start(folder)
    # All that was computed is shown at once, and the rest is offered.
    second.wait(lambda now: now["rows"] == COUNT and now["button"] == "Continue")
    second.press()
    done = second.wait(lambda now: now["state"] == "done")
    assert done["done"] == COUNT
    assert done["computed"] == COUNT - count
    second.kill()
    count, runs = computed(index)
    assert (count, sum(runs)) == (COUNT, COUNT)

    model = engine.load_model("demo:shapes")
    with IndexWriter(tmp_path / "serial") as writer:
        writer.found(find([folder], Labels(folders=True)))
        for _ in Run(writer, model, How(), pace=Pace(1, 16)).steps():
            pass
    check_same(rows(index), rows(tmp_path / "serial"))
    with Index(index) as own:
        assert len(own.jobs()) == 1
