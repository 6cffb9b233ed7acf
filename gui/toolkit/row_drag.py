"""Dragging a row of a list onto the canvas, to compare with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication

COMPARED = "application/x-hookscope-compared"
"""What is dragged: 'class 3', 'layer NAME', 'image KEY' or 'method SLUG', as UTF-8; its text says
it in words."""


def compared(kind: str, value: object, words: str) -> QMimeData:
    """The data of a row that is dragged."""
    data = QMimeData()
    data.setData(COMPARED, f"{kind} {value}".encode())
    data.setText(words)
    return data


class RowDrag(QObject):
    """A press on a row of a view waits for its release, since it may become a drag, which chooses
    nothing.

    what: the data of the row at a place of the viewport; None for one that cannot be dragged.
    begun: the drag begins, and what covers its goal is to go.
    """

    begun = Signal()

    def __init__(self, view: QAbstractItemView, what: Callable[[QPoint], QMimeData | None]) -> None:
        super().__init__(view)
        self._view = view
        self._what = what
        self._pressed: QMouseEvent | None = None
        self._data: QMimeData | None = None
        self._passing = False
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and not self._passing:
            if event.type() == QEvent.Type.MouseButtonPress:
                return self._press(event)
            if event.type() == QEvent.Type.MouseMove:
                return self._move(event)
            if event.type() == QEvent.Type.MouseButtonRelease:
                self._release(watched)
        return super().eventFilter(watched, event)

    def _press(self, event: QMouseEvent) -> bool:
        """Whether to wait with this press."""
        self._pressed = self._data = None
        if event.button() == Qt.MouseButton.LeftButton and not event.modifiers():
            self._data = self._what(event.position().toPoint())
        if self._data is not None:
            self._pressed = event.clone()
        return self._pressed is not None

    def _move(self, event: QMouseEvent) -> bool:
        """Whether the pointer belongs to a press that waits; far enough away, a drag begins."""
        pressed, data = self._pressed, self._data
        if pressed is None or data is None:
            return False
        way = (event.position() - pressed.position()).manhattanLength()
        if way >= QApplication.startDragDistance():
            self._pressed = self._data = None
            drag = QDrag(self._view)
            drag.setMimeData(data)
            self.begun.emit()
            drag.exec(Qt.DropAction.CopyAction)
        return True

    def _release(self, viewport: QObject) -> None:
        """Let the view have the press that has waited."""
        pressed, self._pressed = self._pressed, None
        if pressed is not None:
            self._passing = True
            QApplication.sendEvent(viewport, pressed)
            self._passing = False
