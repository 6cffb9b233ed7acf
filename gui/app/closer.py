"""Closes the window on a process signal: Ctrl+C in the terminal, or the end of the session."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QWidget

from engine.process import ending


class Closer(QObject):
    """Closes the window cleanly and quits the event loop with the exit code of the signal.

    engine.process.ending terminates whatever takes longer than it allows. stop() leaves signals to
    engine.process.ending alone.
    """

    # Crosses from the signal-handling thread to the GUI thread.
    _asked = Signal(int)

    def __init__(self, window: QWidget, application: QApplication) -> None:
        super().__init__(window)
        self._window = window
        self._application = application
        self._asked.connect(self._close, Qt.ConnectionType.QueuedConnection)
        self.stop = ending.ask_first(self._asked.emit)

    def _close(self, code: int) -> None:
        self._window.close()
        self._application.exit(code)
