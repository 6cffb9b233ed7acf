"""Handles uncaught exceptions: logs them and shows a report that can be copied."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal

from gui.diagnostics.report import report
from gui.state.state import State
from gui.widgets.dialogs.crash import CrashDialog
from gui.window.main_window import MainWindow

_log = logging.getLogger(__name__)

_HEADING = "An unexpected error occurred"
_GOES_ON = (
    "The program keeps running. If something looks wrong from now on, save what you need and "
    "restart it."
)


_Way = tuple[type[BaseException], tuple[tuple[str, int], ...]]


class Crashes(QObject):
    """Receives every uncaught exception, until stop().

    Each failure is shown once, however often it occurs: a paint event that fails does so many times
    a second. Failures with different tracebacks are different. Only one instance in a process is
    active; others created meanwhile do nothing.
    """

    seen = 0
    """Number of failures in this process."""

    _at_work: Crashes | None = None
    _happened = Signal(str)

    def __init__(self, window: MainWindow, state: State) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._dialog: CrashDialog | None = None
        self._counts: Counter[_Way] = Counter()
        self._telling = False
        if Crashes._at_work is not None:
            return
        Crashes._at_work = self
        # Queued: shown on the GUI thread, and not in the middle of the failing code.
        self._happened.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._old_hook = sys.excepthook
        sys.excepthook = self._unexpected

    def stop(self) -> None:
        """Restore the previous exception hook."""
        if Crashes._at_work is self:
            Crashes._at_work = None
            sys.excepthook = self._old_hook

    def _unexpected(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        Crashes.seen += 1
        way = _way(kind, trace)
        self._counts[way] += 1
        again = self._counts[way]
        if again > 1:
            if str(again).strip("0") == "1":
                _log.critical("the same failure for the %d. time: %r", again, error)
            return
        _log.critical("unexpected failure", exc_info=(kind, error, trace))
        if issubclass(kind, Exception) and not self._telling:
            self._happened.emit("".join(traceback.format_exception(kind, error, trace)))
        self._old_hook(kind, error, trace)

    def _tell(self, what: str) -> None:
        self._telling = True
        try:
            if self._dialog is not None:
                self._dialog.add(what)
                return
            told = report(self._state, what)
            self._dialog = CrashDialog(_HEADING, _GOES_ON, told, "", self._window)
            self._dialog.finished.connect(self._closed)
            self._dialog.show()
        finally:
            self._telling = False

    def _closed(self) -> None:
        self._dialog = None


def _way(kind: type[BaseException], trace: TracebackType | None) -> _Way:
    """The identity of a failure: two that end in the same line of a library differ by their frames.

    Each frame counts once, because an endless recursion ends at a different depth each time.
    """
    places = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace))
    return kind, tuple(dict.fromkeys(places))
