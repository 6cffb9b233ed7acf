"""One window for a person and a display: who it is, and where it is heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QCoreApplication, QStandardPaths, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.app.application import _handed_over
from gui.app.instance import Instance, OpenRequest
from gui.app.relay import listen
from tests.gui.app.test_relay import start_sender

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, qapp: QApplication) -> Iterator[Path]:
    """A home of its own at display :1; where its caches are. Its short-named folders are others:
    a socket has no room in those of tests on every system."""
    if sys.platform == "win32":
        pytest.skip("Windows does not let a program move its folders")
    # Qt's folders for tests would be the same for every test, and others than a child process has.
    QStandardPaths.setTestModeEnabled(False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":1")
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(own(Path(short, "run"))))
        yield tmp_path
    QStandardPaths.setTestModeEnabled(True)


def own(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.usefixtures("desktop")
def test_the_claim_is_one_for_a_display_and_free_again_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Instance(), Instance()
    assert first.claim()
    # Whoever holds it may ask again.
    assert first.claim()
    assert not second.claim()
    monkeypatch.setenv("DISPLAY", ":2")
    other = Instance()
    assert other.claim()
    assert other.new_place() != first.new_place()
    other.release()
    first.release()
    assert second.claim()
    second.release()


@pytest.mark.usefixtures("desktop")
def test_a_start_that_meets_a_closing_window_becomes_the_one_that_is_heard(qtbot: QtBot) -> None:
    """Two real claims: it is heard by the start after it, and remembers what is open."""
    first, second, third = Instance(), Instance(), Instance()
    assert first.claim()
    assert not second.claim()
    QTimer.singleShot(200, first.release)
    assert not _handed_over(second, OpenRequest())
    assert second.claim()
    assert second.remembers
    receiver = listen(second)
    assert receiver is not None
    assert not third.claim()
    with qtbot.waitSignal(receiver.received, timeout=60_000):
        sender = start_sender(third.place())
    qtbot.waitUntil(lambda: sender.poll() == 0, timeout=60_000)
    receiver.close()
    second.release()


@pytest.mark.usefixtures("desktop")
def test_who_takes_over_finds_the_memory_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """However close it follows: it may claim in the very moment in which the lock is given up."""
    first, second = Instance(), Instance()
    assert first.claim()
    unlock = first._lock.unlock

    def let_go() -> None:
        unlock()
        assert second.claim()

    lock = SimpleNamespace(isLocked=first._lock.isLocked, unlock=let_go)
    monkeypatch.setattr(first, "_lock", lock)
    first.release()
    assert second.remembers
    second.release()


@pytest.mark.usefixtures("desktop")
def test_where_to_be_heard_does_not_depend_on_the_surroundings_of_the_later_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Instance()
    assert first.claim()
    receiver = listen(first)
    assert receiver is not None
    runtime = os.environ["XDG_RUNTIME_DIR"]
    assert Path(first.place()).parent == Path(runtime).resolve()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    second = Instance()
    assert not second.claim()
    assert second.place() == first.place()
    receiver.close()
    first.release()
    assert second.place() == ""


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o1777])
def test_a_runtime_folder_that_others_may_look_into_is_not_used(
    desktop: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    shared = own(desktop / "shared")
    shared.chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))
    first = Instance()
    assert first.claim()
    place = first.new_place()
    assert place
    assert shared not in Path(place).parents
    first.release()


def test_somebody_elses_folders_are_not_used(
    desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As su leaves them: they name the folders of who called it."""
    first = Instance()
    assert first.claim()
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    assert first.new_place() == ""
    # Somebody else's window is not asked to open anything, and waited for neither.
    other = Instance()
    assert other.claim()
    assert not other.remembers
    assert other.new_place() == ""
    first.release()


@pytest.mark.usefixtures("desktop")
def test_nobody_can_guess_the_name_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, where whoever is first may make one of any name."""
    first = Instance()
    assert first.claim()
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        names = [first.new_place() for _ in range(2)]
    assert names[0] != names[1]
    assert all(len(name.rpartition("-")[2]) == 32 for name in names)
    first.release()


@pytest.mark.usefixtures("desktop")
@pytest.mark.parametrize("obstacle", ["no place", "no socket", "no note"])
def test_where_a_window_cannot_be_heard_later_starts_open_at_once(
    monkeypatch: pytest.MonkeyPatch, desktop: Path, obstacle: str
) -> None:
    first, second = Instance(), Instance()
    assert first.claim()
    if obstacle == "no place":
        monkeypatch.setattr(first, "new_place", str)
    elif obstacle == "no socket":
        monkeypatch.setattr(first, "new_place", lambda: str(desktop / "nowhere" / "socket"))
    else:
        monkeypatch.setattr(first, "announce", lambda _place: False)
    assert listen(first) is None
    assert second.claim()
    # It remembers what is open all the same.
    assert first.remembers
    assert not second.remembers
    second.release()
    first.release()


def test_a_note_that_cannot_be_written_is_said(
    desktop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Instance()
    assert first.claim()
    (note,) = (path.with_suffix(".place") for path in desktop.rglob("running-*.lock"))
    note.mkdir()
    assert not first.announce("somewhere")
    assert note.name.removesuffix(".place") in caplog.text
    note.rmdir()
    first.release()


def test_the_claim_of_a_process_that_died_is_free(desktop: Path) -> None:
    code = (
        "import os, signal; from PySide6.QtCore import QCoreApplication;"
        "application = QCoreApplication([]); from gui.app.instance import Instance;"
        "instance = Instance(); assert instance.claim(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    # The same place as in this process, whose application may have another name.
    name = QCoreApplication.applicationName()
    organization = QCoreApplication.organizationName()
    code = code.replace(
        "; from gui",
        f"; application.setApplicationName({name!r});"
        f"application.setOrganizationName({organization!r}); from gui",
    )
    died = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    instance = Instance()
    assert list(desktop.rglob("*.lock"))
    assert instance.claim()
    instance.release()


def test_where_no_lock_can_be_written_every_start_opens_a_window(
    desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No folder can be made below a file, whoever asks.
    (desktop / "full").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(desktop / "full"))
    assert Instance().claim()
    assert Instance().claim()
    assert Instance().new_place() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe has no folder")
def test_a_home_with_a_long_name_has_its_socket_in_a_folder_of_the_persons_own(
    monkeypatch: pytest.MonkeyPatch, desktop: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(desktop / ("long" * 30)))
    first = Instance()
    assert first.claim()
    folder = Path(first.new_place()).parent
    assert folder.parent == Path(os.environ["TMPDIR"])
    assert folder.stat().st_mode & 0o077 == 0
    # Somebody else's, or open to everybody, it is not used.
    folder.chmod(0o755)
    assert first.new_place() == ""
    folder.rmdir()
    folder.symlink_to(own(desktop / "goal"))
    assert first.new_place() == ""
    first.release()


@pytest.mark.usefixtures("desktop")
def test_only_one_of_a_persons_windows_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Instance()
    assert first.claim()
    assert first.remembers
    monkeypatch.setenv("DISPLAY", ":2")
    other = Instance()
    assert other.claim()
    assert not other.remembers
    first.release()
    other.release()
