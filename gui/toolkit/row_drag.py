"""Dragging a row of a list onto the canvas, to compare with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

COMPARED = "application/x-hookscope-compared"
"""What is dragged: 'class 3', 'layer NAME' or 'image KEY', as UTF-8; its text says it in words."""


def compared(kind: str, value: object, words: str) -> QMimeData:
    """The data of a row that is dragged."""
    data = QMimeData()
    data.setData(COMPARED, f"{kind} {value}".encode())
    data.setText(words)
    return data


class RowDrag:
    """A press on a row waits for its release, since it may become a drag, which chooses nothing.

    what: the data of the row at a place of the viewport; None for none that can be dragged.
    """

    def __init__(self, view: QWidget, what: Callable[[QPoint], QMimeData | None]) -> None:
        self._view = view
        self._what = what
        self._pressed: QMouseEvent | None = None
        self._data: QMimeData | None = None

    def press(self, event: QMouseEvent) -> bool:
        """Whether to wait with this press."""
        self._pressed = None
        if event.button() != Qt.MouseButton.LeftButton or event.modifiers():
            return False
        self._data = self._what(event.position().toPoint())
        if self._data is not None:
            self._pressed = event.clone()
        return self._data is not None

    def move(self, event: QMouseEvent) -> bool:
        """Whether the pointer belongs to a press that waits; far enough away, a drag begins."""
        pressed, data = self._pressed, self._data
        if pressed is None or data is None:
            return False
        way = (event.position() - pressed.position()).manhattanLength()
        if way >= QApplication.startDragDistance():
            self._pressed = self._data = None
            drag = QDrag(self._view)
            drag.setMimeData(data)
            drag.exec(Qt.DropAction.CopyAction)
        return True

    def release(self) -> QMouseEvent | None:
        """The press that has waited for this release; None if there is none."""
        pressed, self._pressed = self._pressed, None
        return pressed
