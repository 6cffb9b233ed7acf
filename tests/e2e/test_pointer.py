"""A real pointer and a real keyboard on an X display of the test's own."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
STAGE = Path(__file__).with_name("stage.py")
TOOLS = ("Xvfb", "openbox", "xdotool")
WAIT_S = 60.0

missing = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"a pointer of its own needs {', '.join(missing)}"
)


def end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture
def display() -> Iterator[str]:
    """A display that nobody else has, with a window manager."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    manager = None
    try:
        ready, _, _ = select.select([read], [], [], WAIT_S)
        number = os.read(read, 20).decode().strip() if ready else ""
        assert number, "Xvfb did not start"
        manager = subprocess.Popen(
            ["openbox"],
            env=os.environ | {"DISPLAY": f":{number}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield f":{number}"
    finally:
        os.close(read)
        if manager is not None:
            end(manager)
        end(server)


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
    from engine.demo import SCENES

    return Path(shutil.copy(SCENES[0].path, tmp_path / "holiday.jpg"))


@pytest.fixture
def person(
    display: str, tmp_path: Path, picture: Path, child_env: Callable[..., dict[str, str]]
) -> Iterator[Person]:
    env = child_env(display)
    with (tmp_path / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(STAGE), str(tmp_path / "settings.ini"), str(picture)],
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


def test_open_click_a_layer_click_a_class_zoom_export_and_quit(
    person: Person, tmp_path: Path, picture: Path
) -> None:
    sees = person.wait(
        "the first map",
        lambda s: bool(s["layer"]) and not s["computing"] and s["active"] == "MainWindow",
    )
    assert sees["image"].startswith("holiday.jpg")

    layer = next(name for name in reversed(sees["layers"]) if name != sees["layer"])
    person.click(*sees["layers"][layer])
    sees = person.wait(f"the map of {layer}", lambda s: s["layer"] == layer and not s["computing"])

    target, x, y = next(row for row in sees["classes"] if row[0] != sees["target"])
    person.click(x, y)
    sees = person.wait("the other class", lambda s: s["target"] == target and not s["computing"])
    assert sees["layer"] == layer

    before = sees["zoom"]
    person.do("mousemove", "--sync", *sees["canvas"], "click", "--repeat", 3, 4)
    person.wait("zooming in", lambda s: s["zoom"] > 1.5 * before)
    person.keys("f")
    person.wait("fitting", lambda s: abs(s["zoom"] - before) < 1e-6)

    person.keys("ctrl+e")
    person.wait("the export dialog", lambda s: s["dialog"] and s["active"] == "ExportDialog")
    person.keys("Return")
    person.wait("the file dialog", lambda s: s["files"] and s["active"] == "QFileDialog")
    out = tmp_path / "explained.png"
    person.keys("ctrl+a")
    person.do("type", "--delay", 5, str(out))
    person.keys("Return")
    sees = person.wait("the export", lambda s: bool(s["exported"]))
    assert sees["exported"] == [str(out)]
    check(out, picture)

    person.wait("the window again", lambda s: s["active"] == "MainWindow")
    person.keys("ctrl+q")
    assert person.process.wait(30) == 0
    assert (tmp_path / "stderr.txt").read_text(encoding="utf-8") == ""


def check(out: Path, picture: Path) -> None:
    """The picture at its full size with a map over it, and its bar and caption round it."""
    with Image.open(out) as written, Image.open(picture) as opened:
        pixels = np.asarray(written.convert("RGB")).astype(int)
        original = np.asarray(opened.convert("RGB")).astype(int)
    height, width = original.shape[:2]
    assert pixels.shape[0] > height
    assert pixels.shape[1] >= width
    middle = slice(height // 4, height // 2), slice(width // 4, 3 * width // 4)
    assert np.abs(pixels[middle] - original[middle]).mean() > 5
