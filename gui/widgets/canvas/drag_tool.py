"""What tools have in common with which something is drawn over the image by dragging."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent

from gui.widgets.canvas.image_canvas import ImageCanvas


class DragTool(QObject):
    """Takes the left button from a canvas while it is switched on. Places are in pixels of the
    image."""

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._on = False
        self._start: QPointF | None = None
        canvas.viewport().installEventFilter(self)

    @property
    def on(self) -> bool:
        """Whether the next drag draws."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Draw with the left button, or leave it to the canvas."""
        self._on, self._start = on, None
        cursor = Qt.CursorShape.CrossCursor
        (self._canvas.viewport().setCursor(cursor) if on else self._canvas.viewport().unsetCursor())

    def _dragged(self, start: QPointF, place: QPointF) -> None:
        """The pointer is at this place, with the button pressed since start."""
        raise NotImplementedError

    def _let_go(self, start: QPointF, place: QPointF) -> None:
        """The button was released."""
        raise NotImplementedError

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not self._on or not isinstance(event, QMouseEvent):
            return super().eventFilter(watched, event)
        left, start = Qt.MouseButton.LeftButton, self._start
        place = self._canvas.mapToScene(event.position().toPoint())
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and event.button() == left:
            self._start = place
            return True
        if kind == QEvent.Type.MouseMove and start is not None:
            self._dragged(start, place)
            return True
        if kind == QEvent.Type.MouseButtonRelease and event.button() == left:
            self._start = None
            if start is not None:
                self._let_go(start, place)
            return True
        return super().eventFilter(watched, event)
