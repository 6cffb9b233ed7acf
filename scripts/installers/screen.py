"""A display for the checks of the Linux installers, and what can be seen and done on it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.version import NAME
from scripts.common.checks import CheckFailed, wait_for
from scripts.common.display import managed_display
from scripts.installers.linux_check import Person, processes_of

_SIZE = "1440x900"


class Screen:
    """A display with a window manager, and what can be seen on it."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._person = Person((), dict(os.environ) | {"DISPLAY": display})

    def windows(self) -> dict[str, str]:
        """The titles of the program's visible windows, by their X ids."""
        found = self._person.attempt("xdotool", "search", "--onlyvisible", "--class", f"^{NAME}$")
        return {
            number: self._person.attempt("xdotool", "getwindowname", number).stdout.strip()
            for number in found.stdout.split()
        }

    def titled(self, words: str) -> str | None:
        """The window whose title has these words in it."""
        return next((n for n, title in self.windows().items() if words in title), None)

    def wm_class(self, window: str) -> list[str]:
        told = self._person.run("xprop", "-id", window, "WM_CLASS")
        return re.findall(r'"([^"]*)"', told)

    def launch(self, person: Person, entry: str, picture: str = "") -> str:
        """The window that names the picture, or any, once a desktop entry was started with it."""
        environment = person.environment | {"DISPLAY": self.display}
        words = ["gio", "launch", entry, *filter(None, [picture])]
        Person(person.prefix, environment).start(*words)
        name = picture.rpartition("/")[2]
        return wait_for(f"a window named {name!r}", lambda: self.titled(name))

    def close(self, window: str, program: str) -> None:
        """As the cross in its corner does; again where a busy machine lost the key.

        program: how the path of its program ends. Raises CheckFailed while that goes on.
        """

        def gone() -> bool | None:
            if window not in self.windows():
                return True
            self._person.run("xdotool", "windowactivate", "--sync", window)
            self._person.run("xdotool", "key", "alt+F4")
            end = time.monotonic() + 5.0
            while window in self.windows() and time.monotonic() < end:
                time.sleep(0.1)
            return window not in self.windows() or None

        wait_for("the window has closed", gone, 20)
        wait_for("the program has ended", lambda: not processes_of(program) or None, 20)

    def press(self, key: str) -> None:
        self._person.run("xdotool", "key", key)

    def picture(self, path: Path) -> bytes:
        """The screen as it is now, also written to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        program = (
            "import sys\nfrom PySide6.QtGui import QGuiApplication\n"
            "application = QGuiApplication([])\n"
            "image = application.primaryScreen().grabWindow(0)\n"
            "sys.exit(not image.save(sys.argv[1]))\n"
        )
        self._person.run(sys.executable, "-c", program, str(path), QT_QPA_PLATFORM="xcb")
        return path.read_bytes()

    def settled(self, path: Path, seconds: float = 60.0) -> bytes:
        """The screen once nothing on it changes any more."""
        last = b""

        def same() -> bytes | None:
            nonlocal last
            time.sleep(1.5)
            before, last = last, self.picture(path)
            return last if before == last else None

        return wait_for("the window is at rest", same, seconds)


@contextmanager
def screen() -> Iterator[Screen]:
    """A display of its own with a window manager. Raises CheckFailed where a tool is missing."""
    if shutil.which("xprop") is None:
        raise CheckFailed("xprop is not installed")
    with managed_display(_SIZE) as display:
        yield Screen(display)
