"""Displays that nobody else has (Xvfb, openbox), for the tests and for the checks of a package."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.common.checks import CheckFailed, wait_for

DISPLAY_COMMANDS = ("Xvfb", "openbox", "xdotool")
"""What managed_display() runs."""

_WAIT_S = 60.0


@contextmanager
def x_display(size: str = "1280x900") -> Iterator[str]:
    """A display of its own, as DISPLAY names it, until the end of the block.

    size: of its screen, width x height in pixels. Raises CheckFailed where there is no Xvfb, or
    where it does not start.
    """
    _need("Xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    # A server starts over when its last client leaves, and on a busy machine it then drops the
    # one that is just coming. Programs come and go here.
    command.append("-noreset")
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        ready, _, _ = select.select([read], [], [], _WAIT_S)
        number = os.read(read, 20).decode().strip() if ready else ""
        if not number:
            raise CheckFailed("Xvfb did not start")
        yield f":{number}"
    finally:
        os.close(read)
        end(server)


@contextmanager
def managed_display(size: str = "1280x900") -> Iterator[str]:
    """x_display() with a window manager that is at work already.

    Raises CheckFailed where a command is missing, or where one does not start.
    """
    _need(*DISPLAY_COMMANDS)
    with x_display(size) as display:
        env = os.environ | {"DISPLAY": display}
        silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        manager = subprocess.Popen(["openbox"], env=env, **silent)

        def at_work() -> bool:
            # Desktops are the manager's: without one, there is nobody to count them.
            asked = ["xdotool", "get_num_desktops"]
            counted = subprocess.run(asked, env=env, timeout=_WAIT_S, check=False, **silent)
            return counted.returncode == 0

        try:
            wait_for("a window manager", at_work, _WAIT_S, every_s=0.05)
            yield display
        finally:
            end(manager)


def _need(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise CheckFailed(f"not installed: {', '.join(missing)}")


def end(process: subprocess.Popen[Any]) -> None:
    """In order, or by force where it does not go within ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
