"""When the canvas shows that a new map is being computed, and how far its line has moved."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

_DELAY_MS = 150
_FRAME_MS = 40
_PERIOD_MS = 1600


class Busy(QObject):
    """A line that moves while something is computed, after a short delay to avoid flicker.

    begun, ended: it is shown, or not any more. moved: it is elsewhere.
    """

    begun = Signal()
    moved = Signal()
    ended = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY_MS)
        self._delay.timeout.connect(self._begin)
        self._frame = QTimer(self)
        self._frame.setInterval(_FRAME_MS)
        self._frame.timeout.connect(self.moved)
        self._clock = QElapsedTimer()

    def set(self, on: bool) -> None:
        """Something is being computed from now on, or nothing any more."""
        if not on:
            self._delay.stop()
            self._frame.stop()
            self.ended.emit()
        elif not self.shown and not self.waiting:
            self._delay.start()

    @property
    def waiting(self) -> bool:
        """Whether it will be shown in a moment."""
        return self._delay.isActive()

    @property
    def shown(self) -> bool:
        """Whether it is visible."""
        return self._frame.isActive()

    @property
    def phase(self) -> float:
        """The position of the moving part, 0 to 1."""
        return self._clock.elapsed() % _PERIOD_MS / _PERIOD_MS

    def _begin(self) -> None:
        self._clock.start()
        self._frame.start()
        self.begun.emit()
