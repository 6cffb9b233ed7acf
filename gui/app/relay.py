"""How files reach the window that is open: from a later start, and from macOS' Finder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QDeadlineTimer,
    QEvent,
    QEventLoop,
    QObject,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from gui.app.instance import Instance, OpenRequest

_log = logging.getLogger(__name__)

_GREETING = b"ready\n"
_ANSWER = b"opened\n"
_MOST_BYTES = 1 << 23
# As long as a slow machine takes from its lock to its window.
_PATIENCE_MS = 10_000
_AGAIN_MS = 50


def send(
    place: Callable[[], str],
    request: OpenRequest,
    patience_ms: int = _PATIENCE_MS,
    meanwhile: Callable[[], bool] = lambda: False,
) -> bool:
    """Have the window open it that listens at place(); whether it said that it would.

    place() is '' as long as that is not known. The window may still be starting, or about to end,
    so it is asked again until patience_ms is over or meanwhile() holds. Nothing is written before
    it has greeted: one that hangs must not open later what somebody else has opened by then.
    """
    deadline = QDeadlineTimer(patience_ms)
    while not deadline.hasExpired() and not meanwhile():
        name = place()
        if name and _taken(name, request, deadline):
            return True
        pause = QEventLoop()
        QTimer.singleShot(_AGAIN_MS, pause.quit)
        pause.exec()
    return False


def _taken(name: str, request: OpenRequest, deadline: QDeadlineTimer) -> bool:
    """Whether who listens under that name says that it opens it."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    if socket.waitForConnected(_AGAIN_MS) and _line(socket, deadline) == _GREETING:
        socket.write(request.line())
        if _line(socket, deadline) == _ANSWER:
            return True
    socket.abort()
    return False


def listen(instance: Instance, parent: QObject | None = None) -> Receiver | None:
    """What hears later starts, which are told where it listens; None where that cannot be, and
    they open windows of their own."""
    place = instance.new_place()
    if place:
        receiver = Receiver(place, parent)
        if receiver.listens and instance.announce(place):
            return receiver
        receiver.close()
        receiver.deleteLater()
    instance.let_others_open()
    return None


class Receiver(QObject):
    """Listens for later starts. received(OpenRequest)."""

    received = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        # Who holds the lock may take away the socket of one that crashed.
        QLocalServer.removeServer(name)
        if not self._server.listen(name):
            _log.warning("later starts cannot be heard: %s", self._server.errorString())

    @property
    def listens(self) -> bool:
        return self._server.isListening()

    def close(self) -> None:
        """Hear nothing more, also of those who are about to speak."""
        self._closed = True
        self._server.close()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.write(_GREETING)
            socket.flush()
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if self._closed:
            socket.abort()
            return
        if not socket.canReadLine():
            if socket.bytesAvailable() > _MOST_BYTES:
                socket.abort()
            return
        try:
            request = OpenRequest.read(bytes(socket.readLine().data()))
        except ValueError as error:
            _log.warning("a later start was not understood: %s", error)
            socket.abort()
            return
        socket.write(_ANSWER)
        socket.flush()
        socket.disconnectFromServer()
        self.received.emit(request)


class FileEvents(QObject):
    """macOS sends the files that are opened from the Finder as events. received(OpenRequest).

    Several files are as many events, one after the other; they make one request. What
    comes before start() waits for it.
    """

    received = Signal(object)

    def __init__(self, application: QCoreApplication) -> None:
        super().__init__(application)
        self._files: list[Path] = []
        self._ready = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tell)
        application.installEventFilter(self)

    def start(self) -> None:
        """The window is there: tell what has come, and what comes."""
        self._ready = True
        if self._files:
            self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self._files.append(Path(event.file()))
            if self._ready:
                self._timer.start()
            return True
        return super().eventFilter(watched, event)

    def _tell(self) -> None:
        files, self._files = tuple(self._files), []
        self.received.emit(OpenRequest(files))


def _line(socket: QLocalSocket, deadline: QDeadlineTimer) -> bytes:
    """The next line from there; b'' when there comes none."""
    while not socket.canReadLine() and not deadline.hasExpired():
        if not socket.waitForReadyRead(max(1, deadline.remainingTime())):
            break
    return bytes(socket.readLine().data())
