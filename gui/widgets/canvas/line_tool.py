"""A line that the user draws over the image, for the profile of the map along it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLineF, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.items import SceneItem

_END = 4.0


class LineItem(SceneItem):
    """The line: light with a dark border, visible on anything, and a dot at its start."""

    def __init__(self) -> None:
        super().__init__()
        self.line: QLineF | None = None
        self.setZValue(1)

    def set_line(self, line: QLineF | None, bounds: QRectF) -> None:
        """bounds: what is visible, which the line may cross anywhere."""
        self.line = line
        self.set_bounds(bounds if line is not None else QRectF())
        self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        del visible
        if self.line is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        ratio = painter.device().devicePixelRatio()
        for color, width in ((QColor(0, 0, 0, 170), 4), (QColor(255, 255, 255), 1.5)):
            pen = QPen(color, width * ratio)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawLine(self.line)
        radius = _END * ratio / max(1e-6, painter.deviceTransform().m11())
        painter.setBrush(QColor(255, 255, 255))
        painter.drawEllipse(self.line.p1(), radius, radius)


class LineTool(QObject):
    """Draws a line on a canvas while it is switched on. drawn(QLineF): by the user, in pixels of
    the image; again while it is dragged. ended: it is let go of."""

    drawn = Signal(object)
    ended = Signal()

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._on = False
        self._start: QPointF | None = None
        self._item = LineItem()
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
    def line(self) -> QLineF | None:
        """The line that is shown."""
        return self._item.line

    def show_line(self, line: QLineF | None) -> None:
        """Show a line; None removes it."""
        bounds = QRectF()
        if line is not None:
            around = QRectF(line.p1(), line.p2()).normalized()
            wide = max(around.width(), around.height(), 64.0)
            bounds = around.adjusted(-wide, -wide, wide, wide)
        self._item.set_sight(bounds)
        self._item.set_line(line, bounds)
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
            self._show(place)
            return True
        if kind == QEvent.Type.MouseButtonRelease and event.button() == left:
            if self._start is not None:
                self._show(place)
                self._start = None
                self.ended.emit()
            return True
        return super().eventFilter(watched, event)

    def _show(self, place: QPointF) -> None:
        assert self._start is not None
        line = QLineF(self._start, place)
        if line.length() > 0:
            self.show_line(line)
            self.drawn.emit(line)
