"""Closing the window when a signal asks for it: Ctrl+C in its terminal, the end of the session."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QWidget

from engine.process import ending


class Closer(QObject):
    """Closes the window in order and ends the event loop with the signal's exit code.

    What takes longer than engine.process.ending grants is ended by that. stop() leaves signals to
    engine.process.ending alone.
    """

    # From the thread that hears signals to that of the window.
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
