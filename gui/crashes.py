"""Failures that nobody expected: written down, and told with a report that can be copied."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal

from gui.crash_dialog import CrashDialog
from gui.facts import report
from gui.main_window import MainWindow
from gui.state import State

_log = logging.getLogger(__name__)

_GOES_ON = (
    "The program goes on. If something looks wrong from here on, save what you need and start it "
    "anew."
)


class Crashes(QObject):
    """Hears of every exception that nobody caught, on whichever lane, until stop()."""

    _happened = Signal(str)

    def __init__(self, window: MainWindow, state: State) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._dialog: CrashDialog | None = None
        # An exception of another thread is told on the thread of the window.
        self._happened.connect(self._tell, Qt.ConnectionType.AutoConnection)
        self._old_hook = sys.excepthook
        sys.excepthook = self._unexpected

    def stop(self) -> None:
        """Leave it to whoever heard of them before."""
        sys.excepthook = self._old_hook

    def _unexpected(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _log.critical("unexpected failure", exc_info=(kind, error, trace))
        if issubclass(kind, Exception):
            self._happened.emit("".join(traceback.format_exception(kind, error, trace)))
        self._old_hook(kind, error, trace)

    def _tell(self, what: str) -> None:
        if self._dialog is not None:
            # A paint event that fails does so many times a second: one dialog is enough.
            self._dialog.add(what)
            return
        heading = "Something went wrong inside the program"
        self._dialog = CrashDialog(heading, _GOES_ON, report(self._state, what), "", self._window)
        self._dialog.finished.connect(self._closed)
        self._dialog.open()

    def _closed(self) -> None:
        self._dialog = None
