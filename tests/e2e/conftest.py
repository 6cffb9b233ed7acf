"""A display of the test's own, and a person at it: a real pointer and a real keyboard."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.common.display import DISPLAY_COMMANDS, end, managed_display

ROOT = Path(__file__).resolve().parent.parent.parent
STAGE = Path(__file__).with_name("stage.py")
WAIT_S = 60.0


@pytest.fixture
def display() -> Iterator[str]:
    """A display that nobody else has, with a window manager."""
    missing = [tool for tool in DISPLAY_COMMANDS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"a pointer of its own needs {', '.join(missing)}")
    with managed_display() as name:
        yield name


class Person:
    """Sees what the program says that it shows; moves the pointer, presses keys."""

    def __init__(self, process: subprocess.Popen[bytes], env: dict[str, str]) -> None:
        self.process = process
        self.env = env
        self.sees: dict[str, Any] = {}
        self._rest = b""

    def wait(self, what: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Until the program shows something."""
        assert self.process.stdout is not None
        end_at = time.monotonic() + WAIT_S
        while not (self.sees and met(self.sees)):
            left = max(0.0, end_at - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            assert ready, f"{what} did not happen; the last sight was {self.sees}"
            data = os.read(self.process.stdout.fileno(), 65_536)
            assert data, f"the program ended before {what}"
            *lines, self._rest = (self._rest + data).split(b"\n")
            if lines:
                self.sees = json.loads(lines[-1])
        return self.sees

    def do(self, *words: str | int) -> None:
        subprocess.run(
            ["xdotool", *map(str, words)], env=self.env, check=True, timeout=30, stdout=sys.stderr
        )

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", "--sync", x, y, "click", 1)

    def keys(self, *names: str) -> None:
        self.do("key", "--clearmodifiers", *names)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from engine.formats.demo import SCENES

    return Path(shutil.copy(SCENES[0].path, tmp_path / "holiday.jpg"))


@contextmanager
def started(
    display: str, folder: Path, files: list[Path], child_env: Callable[..., dict[str, str]]
) -> Iterator[Person]:
    """The program on that display with these files opened; ended on the way out."""
    env = child_env(display)
    with (folder / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(STAGE), str(folder / "settings.ini"), *map(str, files)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield Person(process, env)
        finally:
            if process.poll() is None:
                end(process)
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def person(
    display: str, tmp_path: Path, picture: Path, child_env: Callable[..., dict[str, str]]
) -> Iterator[Person]:
    with started(display, tmp_path, [picture], child_env) as someone:
        yield someone
