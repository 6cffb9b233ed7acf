"""What a later start hands over to the window that is open, and how."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.records.sources import ModelSource
from gui.app.instance import OpenRequest
from gui.app.relay import FileEvents, Receiver, send
from gui.controllers.models import NamedModel
from tests.gui.user import User

ROOT = Path(__file__).resolve().parents[3]

_SEND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QStandardPaths
application = QCoreApplication([])
from gui.app.instance import OpenRequest
from gui.app.relay import send
request = OpenRequest(tuple(map(Path, sys.argv[2:])))
sys.exit(0 if send(lambda: sys.argv[1], request, 20_000) else 3)
"""


@pytest.fixture
def place() -> Iterator[str]:
    if sys.platform == "win32":
        yield f"hookscope-test-{secrets.token_hex(8)}"
        return
    # The folders of tests have names that leave no room for a socket on every system.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        yield str(Path(short, "socket"))


def start_sender(place: str, *files: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _SEND, place, *map(str, files)], cwd=ROOT)


def test_a_request_survives_its_line(tmp_path: Path) -> None:
    source = ModelSource("net.py", "w.pth", arguments=(("n", "3"),), input="3x64x64")
    files = (tmp_path / "a b.png", tmp_path / "ü\n.jpg", Path("/no text \udcff"))
    request = OpenRequest(files, NamedModel(source), "token")
    assert OpenRequest.read(request.line()) == request
    assert request.line().count(b"\n") == 1
    assert OpenRequest.read(OpenRequest().line()) == OpenRequest()


def test_names_are_sent_as_they_can_be_opened_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert OpenRequest.read(OpenRequest((Path("x.png"),)).line()).files == (tmp_path / "x.png",)
    # Behind a link to a folder that would be another file without its '..'.
    above = Path("link", "..", "x.png")
    assert OpenRequest.read(OpenRequest((above,)).line()).files == (tmp_path / above,)


def test_trust_is_never_sent(tmp_path: Path) -> None:
    """Any process of the same person could send it, and so skip the question."""
    own = NamedModel(ModelSource("net.py"), (tmp_path / "net.py",))
    sent = OpenRequest((), own).line()
    assert OpenRequest.read(sent).model == NamedModel(ModelSource("net.py"), ())
    claimed = json.loads(sent) | {"trusted": [str(tmp_path / "net.py")]}
    assert OpenRequest.read(json.dumps(claimed).encode()).model == NamedModel(
        ModelSource("net.py"), ()
    )


def _line(**facts: object) -> bytes:
    return json.dumps({"files": [], "model": "", "activation": "", **facts}).encode()


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{}", b"[]", b"nonsense", b'{"model": 1, "files": 2}', b"[" * 100_000),
        *(_line(files=["half \ud800"]), _line(files=["\0"]), _line(files=[["x"]])),
        *(_line(files={"x": 1}), _line(model=7), _line(activation="\0"), _line(activation=[])),
        *(_line(model='{"spec": 5}'), _line(model='{"spec": "\ud800"}'), _line(model="{}")),
        *(_line(model='{"spec":' + "[" * 100_000), _line(model='{"spec": "x", "trust": true}')),
    ],
    ids=lambda line: line[:24].decode(),
)
def test_nonsense_is_no_request(line: bytes) -> None:
    with pytest.raises(ValueError):
        OpenRequest.read(line)


def test_a_later_start_in_its_own_process_is_heard(
    qtbot: QtBot, place: str, tmp_path: Path
) -> None:
    receiver = Receiver(place)
    with qtbot.waitSignal(receiver.received, timeout=60_000) as heard:
        sender = start_sender(place, tmp_path / "one.png", tmp_path / "two.png")
    assert heard.args == [OpenRequest((tmp_path / "one.png", tmp_path / "two.png"))]
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
    assert not send(lambda: place, OpenRequest(), patience_ms=200)
    assert not send(str, OpenRequest(), patience_ms=200)


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


def test_files_from_the_finder_are_one_request(qtbot: QtBot, qapp: QApplication) -> None:
    events = FileEvents(qapp)
    try:
        QApplication.sendEvent(qapp, QFileOpenEvent("/one.png"))
        with qtbot.waitSignal(events.received, timeout=5_000) as heard:
            events.start()
            QApplication.sendEvent(qapp, QFileOpenEvent("/two.png"))
        assert heard.args == [OpenRequest((Path("/one.png"), Path("/two.png")))]
    finally:
        qapp.removeEventFilter(events)
        events.deleteLater()


def test_a_request_opens_in_the_window_that_is_there(user: User, tmp_path: Path) -> None:
    from engine.formats.demo import SCENES

    program = user.start()
    program.window.showMinimized()
    program.open(OpenRequest((SCENES[2].path,), NamedModel(ModelSource("demo:shortcut"))))
    user.until(lambda: program.state.info is not None and "shortcut" in program.state.info.source)
    user.until(lambda: bool(program.state.current and program.state.current.path == SCENES[2].path))
    assert not program.window.isMinimized()
    user.wait_explained()


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
    assert heard == [OpenRequest((tmp_path / "later.png",))]
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

    assert not send(lambda: place, OpenRequest(), 60_000, claim)
    assert len(free) == 3
