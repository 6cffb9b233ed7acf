"""Receives files for the open window: from a later start, and from the Finder of macOS."""

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
# What a slow machine needs from taking the lock to showing its window.
_PATIENCE_MS = 10_000
_AGAIN_MS = 50


def send(
    place: Callable[[], str],
    request: OpenRequest,
    patience_ms: int = _PATIENCE_MS,
    meanwhile: Callable[[], bool] = lambda: False,
) -> bool:
    """Send the request to the window that listens at place(); whether it accepted.

    place() is '' while the address is unknown. The window may still be starting, or closing, so
    this retries until patience_ms have passed or meanwhile() holds. Nothing is written before the
    window has sent its greeting: a window that hangs must not open the files later, a second time.
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
    """Whether the listener of that name accepted the request."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    if socket.waitForConnected(_AGAIN_MS) and _line(socket, deadline) == _GREETING:
        socket.write(request.line())
        if _line(socket, deadline) == _ANSWER:
            return True
    socket.abort()
    return False


def listen(instance: Instance, parent: QObject | None = None) -> Receiver | None:
    """Listen for later starts and announce the address; None if that fails, and later starts open
    their own windows."""
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
        # The holder of the lock may remove the socket of a crashed process.
        QLocalServer.removeServer(name)
        if not self._server.listen(name):
            _log.warning("later starts cannot be heard: %s", self._server.errorString())

    @property
    def listens(self) -> bool:
        return self._server.isListening()

    def close(self) -> None:
        """Stop listening, also to clients that are already connected."""
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
    """Collects the file-open events that macOS sends for the Finder. received(OpenRequest).

    Several files arrive as separate events and make one request. Events before start() are held
    back until then.
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
        """The window is ready: emit the files received so far, and those to come."""
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
    """The next line from the socket; b'' if none arrives in time."""
    while not socket.canReadLine() and not deadline.hasExpired():
        if not socket.waitForReadyRead(max(1, deadline.remainingTime())):
            break
    return bytes(socket.readLine().data())
