"""Files dragged from another program and dropped on the window, with a real pointer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from engine.formats.demo import SCENES
from engine.lazy import torchvision
from scripts.common.display import end

DRAGGED = Path(__file__).with_name("dragged.py")


@contextmanager
def other_program(env: dict[str, str], files: list[Path]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(DRAGGED), *map(str, files)], env=env, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        end(process)
        assert process.stdout is not None
        process.stdout.close()


def drag(
    person: Any, files: list[Path], what: str, met: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Press on the other program, move over the canvas, let go; then wait for what comes of it."""
    with other_program(person.env, files) as process:
        assert process.stdout is not None
        x, y = json.loads(process.stdout.readline())["centre"]
        goal_x, goal_y = person.sees["canvas"]
        person.do("mousemove", "--sync", x, y, "mousedown", 1)
        for step in range(1, 9):
            at = x + (goal_x - x) * step // 8, y + (goal_y - y) * step // 8
            person.do("mousemove", "--sync", *at, "sleep", 0.05)
        person.do("mouseup", 1)
        # The files' names are handed over after the button was let go.
        sees: dict[str, Any] = person.wait(what, met)
        assert json.loads(process.stdout.readline())["dropped"]
        return sees


def ready(sees: dict[str, Any]) -> bool:
    return bool(sees["layer"]) and not sees["computing"]


def test_a_picture_and_then_a_model(person: Any, tmp_path: Path) -> None:
    person.wait("the first map", ready)
    picture = Path(shutil.copy(SCENES[1].path, tmp_path / "second.jpg"))
    drag(
        person, [picture], "the picture", lambda s: s["image"].startswith("second.jpg") and ready(s)
    )
    torch.manual_seed(0)
    network = torchvision.load().models.resnet18(weights=None, num_classes=3)
    torch.save({"epoch": 1, "state_dict": network.state_dict()}, tmp_path / "tuned.pth")
    sees = drag(
        person,
        [tmp_path / "tuned.pth"],
        "the model",
        lambda s: s["model"] == "resnet18" and ready(s),
    )
    assert sees["layer"] == "layer4"
