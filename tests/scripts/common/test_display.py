"""Displays of our own: they stay as they are while programs on them come and go."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from scripts.common.display import DISPLAY_COMMANDS, managed_display, x_display

pytestmark = pytest.mark.skipif(
    any(shutil.which(command) is None for command in DISPLAY_COMMANDS),
    reason=f"needs {', '.join(DISPLAY_COMMANDS)}",
)


def xdotool(display: str, *words: str) -> str:
    env = os.environ | {"DISPLAY": display}
    return subprocess.run(
        ["xdotool", *words], env=env, capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_a_display_does_not_start_over_when_its_last_program_leaves() -> None:
    with x_display("640x480") as display:
        # Each of them is the only one there. One that starts over has its pointer in the middle.
        xdotool(display, "mousemove", "10", "20")
        assert xdotool(display, "getmouselocation").startswith("x:10 y:20 ")


def test_a_window_manager_is_at_work_from_the_start() -> None:
    with managed_display() as display:
        assert int(xdotool(display, "get_num_desktops")) >= 1
        assert xdotool(display, "getdisplaygeometry").split() == ["1280", "900"]
