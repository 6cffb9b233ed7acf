"""One window for a person and a display: what a later start hands over, and to whom."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QStandardPaths
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.sources import ModelSource
from gui.instance import Errand, Instance
from gui.models import NamedModel
from gui.relay import FileEvents, Receiver, send
from tests.gui.seat import Seat

ROOT = Path(__file__).resolve().parent.parent.parent

_SEND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QStandardPaths
application = QCoreApplication([])
from gui.instance import Errand
from gui.relay import send
sys.exit(0 if send(sys.argv[1], Errand(tuple(map(Path, sys.argv[2:]))), 20_000) else 3)
"""


@pytest.fixture
def place(tmp_path: Path) -> str:
    return "hookscope-test" if sys.platform == "win32" else str(tmp_path / "socket")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, qapp: QApplication) -> Iterator[Path]:
    """A home of its own at display :1; where its caches are."""
    if sys.platform == "win32":
        pytest.skip("Windows does not let a program move its folders")
    # Qt's folders for tests would be the same for every test, and others than a child process has.
    QStandardPaths.setTestModeEnabled(False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":1")
    yield tmp_path
    QStandardPaths.setTestModeEnabled(True)


def start_sender(place: str, *files: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _SEND, place, *map(str, files)], cwd=ROOT)


def test_an_errand_survives_its_line(tmp_path: Path) -> None:
    source = ModelSource("net.py", "w.pth", arguments=(("n", "3"),), input="3x64x64")
    errand = Errand(
        (tmp_path / "a b.png", tmp_path / "ü\n.jpg"),
        NamedModel(source, (tmp_path / "net.py",)),
        "token",
    )
    assert Errand.read(errand.line()) == errand
    assert errand.line().count(b"\n") == 1
    assert Errand.read(Errand().line()) == Errand()


def test_names_are_sent_as_they_can_be_opened_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Errand.read(Errand((Path("x.png"),)).line()).files == (tmp_path / "x.png",)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"nonsense", b'{"model": 1, "files": 2}'])
def test_nonsense_is_no_errand(line: bytes) -> None:
    with pytest.raises(ValueError):
        Errand.read(line)


def test_a_later_start_in_its_own_process_is_heard(
    qtbot: QtBot, place: str, tmp_path: Path
) -> None:
    receiver = Receiver(place)
    with qtbot.waitSignal(receiver.received, timeout=60_000) as heard:
        sender = start_sender(place, tmp_path / "one.png", tmp_path / "two.png")
    assert heard.args == [Errand((tmp_path / "one.png", tmp_path / "two.png"))]
    qtbot.waitUntil(lambda: sender.poll() is not None, timeout=60_000)
    assert sender.returncode == 0
    receiver.close()


def test_a_window_that_is_still_starting_is_waited_for(
    qtbot: QtBot, place: str, tmp_path: Path
) -> None:
    sender = start_sender(place, tmp_path / "one.png")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            sender.wait(2)
        receiver = Receiver(place)
        with qtbot.waitSignal(receiver.received, timeout=60_000):
            pass
        qtbot.waitUntil(lambda: sender.poll() == 0, timeout=60_000)
        receiver.close()
    finally:
        sender.kill()
        sender.wait(10)


def test_nobody_there_is_given_up_after_a_while(qapp: QApplication, place: str) -> None:
    assert not send(place, Errand(), patience_ms=200)


def test_a_socket_that_a_crash_left_is_no_obstacle(
    qtbot: QtBot, place: str, tmp_path: Path
) -> None:
    first = Receiver(place)
    if sys.platform != "win32":
        # What a killed process leaves: the file of the socket, and nobody behind it.
        Path(place).rename(tmp_path / "kept")
        first.close()
        (tmp_path / "kept").rename(place)
    second = Receiver(place)
    with qtbot.waitSignal(second.received, timeout=60_000):
        sender = start_sender(place)
    qtbot.waitUntil(lambda: sender.poll() == 0, timeout=60_000)
    second.close()


def test_what_is_not_understood_is_hung_up_on(
    qtbot: QtBot, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(place)
    socket = QLocalSocket()
    socket.connectToServer(place)
    socket.write(b"open the pod bay doors\n")
    unconnected = QLocalSocket.LocalSocketState.UnconnectedState
    qtbot.waitUntil(lambda: socket.state() == unconnected)
    assert "not understood" in caplog.text
    with qtbot.waitSignal(receiver.received, timeout=60_000):
        sender = start_sender(place)
    qtbot.waitUntil(lambda: sender.poll() == 0, timeout=60_000)
    receiver.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe has no file")
def test_the_socket_is_the_persons_alone(place: str, qapp: QApplication) -> None:
    receiver = Receiver(place)
    assert Path(place).stat().st_mode & 0o077 == 0
    receiver.close()


@pytest.mark.usefixtures("desk")
def test_the_claim_is_one_for_a_display_and_free_again_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Instance()
    assert first.claim()
    # The very first start of all makes the folder, and is to be found there all the same.
    second = Instance()
    assert first.name == second.name
    assert not second.claim()
    monkeypatch.setenv("DISPLAY", ":2")
    other = Instance()
    assert other.name != first.name
    assert other.claim()
    other.release()
    first.release()
    assert second.claim()
    second.release()


def test_the_claim_of_a_process_that_died_is_free(desk: Path) -> None:
    code = (
        "import os, signal; from PySide6.QtCore import QCoreApplication;"
        "application = QCoreApplication([]); from gui.instance import Instance;"
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
    assert list(desk.rglob("*.lock"))
    assert instance.claim()
    instance.release()


def test_where_no_lock_can_be_written_every_start_opens_a_window(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No folder can be made below a file, whoever asks.
    (desk / "full").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk / "full"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(desk))
    assert Instance().name
    assert Instance().claim()
    assert Instance().claim()


def test_files_from_the_finder_are_one_errand(qtbot: QtBot, qapp: QApplication) -> None:
    events = FileEvents(qapp)
    try:
        QApplication.sendEvent(qapp, QFileOpenEvent("/one.png"))
        with qtbot.waitSignal(events.received, timeout=5_000) as heard:
            events.start()
            QApplication.sendEvent(qapp, QFileOpenEvent("/two.png"))
        assert heard.args == [Errand((Path("/one.png"), Path("/two.png")))]
    finally:
        qapp.removeEventFilter(events)
        events.deleteLater()


def test_an_errand_opens_in_the_window_that_is_there(seat: Seat, tmp_path: Path) -> None:
    from engine.demo import SCENES

    program = seat.start()
    program.window.showMinimized()
    program.open(Errand((SCENES[2].path,), NamedModel(ModelSource("demo:shortcut"))))
    seat.until(lambda: program.state.info is not None and "shortcut" in program.state.info.source)
    seat.until(lambda: bool(program.state.current and program.state.current.path == SCENES[2].path))
    assert not program.window.isMinimized()
    seat.wait_explained()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe has no folder")
def test_a_home_with_a_long_name_has_its_socket_in_a_folder_of_the_persons_own(
    monkeypatch: pytest.MonkeyPatch, desk: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk / ("long" * 30)))
    # The folders of tests have long names themselves.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        first = Instance()
        assert first.claim()
        assert not Instance().claim()
        first.release()
        folder = Path(first.name).parent
        assert folder.parent == Path(short)
        assert folder.stat().st_mode & 0o077 == 0
        # Somebody else's, or open to everybody, it is not used.
        folder.chmod(0o755)
        assert Instance().name == ""


@pytest.mark.usefixtures("desk")
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


def test_one_that_hung_does_not_open_later_what_was_given_up(
    qtbot: QtBot, place: str, tmp_path: Path
) -> None:
    """A window that accepts connections, and whose thread does nothing for a while."""
    receiver = Receiver(place)
    heard: list[object] = []
    receiver.received.connect(heard.append)
    command = [sys.executable, "-c", _SEND.replace("20_000", "500"), place, "x.png"]
    sender = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
    assert sender.returncode == 3
    with qtbot.waitSignal(receiver.received, timeout=60_000):
        later = start_sender(place, tmp_path / "later.png")
    qtbot.waitUntil(lambda: later.poll() == 0, timeout=60_000)
    assert heard == [Errand((tmp_path / "later.png",))]
    receiver.close()


def test_one_that_closes_hears_nothing_and_the_next_start_takes_over(
    qtbot: QtBot, place: str
) -> None:
    receiver = Receiver(place)
    receiver.close()
    free: list[bool] = []

    def claim() -> bool:
        free.append(True)
        return len(free) > 2

    assert not send(place, Errand(), 60_000, claim)
    assert len(free) == 3
