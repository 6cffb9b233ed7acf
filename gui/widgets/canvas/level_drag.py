"""The right-button drag that changes which values are black and white."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize
from PySide6.QtWidgets import QApplication


class LevelDrag:
    """One drag, from press to release. A click without a move changes nothing."""

    def __init__(self) -> None:
        self._start: QPointF | None = None
        self._moved = False

    def press(self, position: QPointF) -> None:
        self._start, self._moved = position, False

    def offset(self, position: QPointF, area: QSize) -> tuple[float, float] | None:
        """How far the pointer is from where it was pressed, as fractions of the area; None while
        nothing is dragged."""
        if self._start is None:
            return None
        offset = position - self._start
        self._moved |= offset.manhattanLength() >= QApplication.startDragDistance()
        if not self._moved:
            return None
        return offset.x() / max(1, area.width()), offset.y() / max(1, area.height())

    @property
    def pressed(self) -> bool:
        return self._start is not None

    @property
    def moved(self) -> bool:
        """Whether it has gone far enough to be no click."""
        return self._moved

    def release(self) -> None:
        self._start = None
