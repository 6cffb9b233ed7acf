"""The program started twice on one display, and after a crash: real processes, a real display."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.common.checks import CheckFailed, wait_for
from scripts.common.display import end
from tests.e2e.conftest import ROOT, WAIT_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="xdotool and signals")


class Desktop:
    """Starts the program as a person's file manager does, and looks at the window titles."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.started.append(process)
        return process

    def titles(self) -> list[str]:
        """Of all windows that are to be seen."""
        asked = ["xdotool", "search", "--onlyvisible", "--name", "Hookscope"]
        found = subprocess.run(
            asked, env=self.env, capture_output=True, text=True, timeout=30, check=False
        )
        return [self._title(window) for window in found.stdout.split()]

    def _title(self, window: str) -> str:
        asked = ["xdotool", "getwindowname", window]
        found = subprocess.run(
            asked, env=self.env, capture_output=True, text=True, timeout=30, check=False
        )
        return found.stdout.strip()

    def wait_title(self, words: str) -> None:
        self._wait(lambda: any(words in title for title in self.titles()), f"a window {words!r}")

    def wait_record(self, words: str) -> None:
        """Until the program has written down that it has this open."""
        home = Path(self.env["HOME"])

        def written() -> bool:
            return any(words in text for text in records(home))

        self._wait(written, f"a record of {words!r}")

    def _wait(self, met: Callable[[], bool], what: str) -> None:
        try:
            wait_for(what, met, WAIT_S, every_s=0.1)
        except CheckFailed as error:
            raise AssertionError(f"{error}; there are {self.titles()}") from error


def records(home: Path) -> list[str]:
    """What the records of sessions below a folder say."""
    found = []
    for path in home.rglob("open.hookscope"):
        # It may be replaced between the two.
        with contextlib.suppress(FileNotFoundError), zipfile.ZipFile(path) as archive:
            found.append(archive.read("session.json").decode("ascii"))
    return found


@pytest.fixture
def desktop(
    display: str, tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> Iterator[Desktop]:
    home = tmp_path / "home"
    home.mkdir()
    env = child_env(display) | {"HOME": str(home)}
    for name in [name for name in env if name.startswith("XDG_")]:
        del env[name]
    desktop = Desktop(env)
    yield desktop
    for process in desktop.started:
        if process.poll() is None:
            end(process)
        assert process.stderr is not None
        process.stderr.close()


def test_a_second_start_opens_its_file_in_the_window_that_is_there(
    desktop: Desktop, picture: Path
) -> None:
    first = desktop.start()
    desktop.wait_title("Ring and star")
    second = desktop.start(picture)
    assert second.wait(WAIT_S) == 0
    desktop.wait_title("holiday.jpg")
    assert len([title for title in desktop.titles() if "—" in title]) == 1
    assert first.poll() is None

    beside = desktop.start("--new-window", picture)
    desktop._wait(
        lambda: len([title for title in desktop.titles() if "holiday" in title]) == 2, "two windows"
    )
    assert beside.poll() is None


def test_a_start_that_takes_over_from_one_that_hung_is_the_one_window(
    desktop: Desktop, picture: Path
) -> None:
    first = desktop.start()
    desktop.wait_title("Ring and star")
    os.kill(first.pid, signal.SIGSTOP)
    second = desktop.start()
    with pytest.raises(subprocess.TimeoutExpired):
        # It waits for the other one's answer.
        second.wait(3)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait(WAIT_S) == -signal.SIGKILL
    desktop.wait_title("Ring and star")
    third = desktop.start(picture)
    assert third.wait(WAIT_S) == 0
    desktop.wait_title("holiday.jpg")
    assert second.poll() is None


def test_after_a_crash_the_next_start_offers_what_was_open(desktop: Desktop, picture: Path) -> None:
    first = desktop.start(picture)
    desktop.wait_title("holiday.jpg")
    desktop.wait_record("holiday.jpg")
    os.kill(first.pid, signal.SIGSEGV)
    assert first.wait(WAIT_S) == -signal.SIGSEGV

    desktop.start()
    desktop.wait_title("Ring and star")
    # 'Reopen' is its default button.
    dialog = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--sync", "--name", "^Last session$"],
        env=desktop.env,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    ).stdout.split()[0]
    answer = ["xdotool", "windowactivate", "--sync", dialog, "key", "Return"]
    # It may be seen a moment before the window manager can make it the active one.
    desktop._wait(
        lambda: (
            subprocess.run(answer, env=desktop.env, timeout=WAIT_S, check=False).returncode == 0
        ),
        "an active dialog",
    )
    desktop.wait_title("holiday.jpg")
