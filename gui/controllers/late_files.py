"""Offers to stop reading a file that takes unusually long."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from gui.jobs.lanes import Job, Lane
from gui.state.notices import STOP_READING, NoticeKind
from gui.state.state import State

PATIENCE_MS = 20_000


class LateFiles(QObject):
    """Watches the jobs of a lane. Closing the notice means to wait; nothing stops by itself."""

    def __init__(self, state: State, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._reading = ""
        self._asked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE_MS)
        self._timer.timeout.connect(self._ask)
        lane.busy_changed.connect(self._changed)

    def _changed(self, job: Job | None) -> None:
        self._timer.stop()
        if self._asked:
            self._asked = False
            self._state.withdraw(STOP_READING)
        self._reading = job.reading if job is not None else ""
        if self._reading:
            self._timer.start()

    def _ask(self) -> None:
        self._asked = True
        self._state.notify(
            NoticeKind.WARNING,
            f"{self._reading} is still being read after {PATIENCE_MS // 1000} seconds. "
            "Close this notice to keep waiting.",
            STOP_READING,
        )
