"""Rectangles over the image: those that mark what a map ought to find, and one drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.items import SceneItem


class BoxesItem(SceneItem):
    """Outlines: light with a dark border, visible on anything."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: tuple[QRectF, ...] = ()
        self.setZValue(1)

    def set_boxes(self, boxes: Sequence[QRectF]) -> None:
        self.boxes = tuple(boxes)
        bounds = QRectF()
        for box in self.boxes:
            bounds = bounds.united(box)
        wide = 0.1 * max(bounds.width(), bounds.height())
        bounds = bounds.adjusted(-wide, -wide, wide, wide) if self.boxes else bounds
        self.set_sight(bounds)
        self.set_bounds(bounds)
        self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        del visible
        ratio = painter.device().devicePixelRatio()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in ((QColor(0, 0, 0, 170), 4), (QColor(255, 255, 255), 1.5)):
            pen = QPen(color, width * ratio)
            pen.setCosmetic(True)
            painter.setPen(pen)
            for box in self.boxes:
                painter.drawRect(box)


class BoxTool(QObject):
    """Draws a rectangle on a canvas while it is switched on. drawn(QRectF): by the user, in pixels
    of the image, once it is let go of. ended: whether something was drawn or not."""

    drawn = Signal(object)
    ended = Signal()

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._on = False
        self._start: QPointF | None = None
        self._item = BoxesItem()
        canvas.scene().addItem(self._item)
        canvas.viewport().installEventFilter(self)

    def set_on(self, on: bool) -> None:
        """Draw with the left button, or leave it to the canvas."""
        self._on, self._start = on, None
        cursor = Qt.CursorShape.CrossCursor
        (self._canvas.viewport().setCursor(cursor) if on else self._canvas.viewport().unsetCursor())

    @property
    def on(self) -> bool:
        """Whether the next drag draws."""
        return self._on

    @property
    def boxes(self) -> tuple[QRectF, ...]:
        """The rectangles that are shown."""
        return self._item.boxes

    def show_boxes(self, boxes: Sequence[QRectF]) -> None:
        """Show rectangles, in pixels of the image; none removes them."""
        if tuple(boxes) != self._item.boxes:
            self._item.set_boxes(boxes)
            self._canvas.viewport().update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not self._on or not isinstance(event, QMouseEvent):
            return super().eventFilter(watched, event)
        left = Qt.MouseButton.LeftButton
        place = self._canvas.mapToScene(event.position().toPoint())
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and event.button() == left:
            self._start = place
            return True
        if kind == QEvent.Type.MouseMove and self._start is not None:
            self._item.set_boxes([QRectF(self._start, place).normalized()])
            self._canvas.viewport().update()
            return True
        if kind == QEvent.Type.MouseButtonRelease and event.button() == left:
            if self._start is not None:
                box = QRectF(self._start, place).normalized()
                self._start = None
                if box.width() >= 1 and box.height() >= 1:
                    self.drawn.emit(box)
                self.ended.emit()
            return True
        return super().eventFilter(watched, event)
