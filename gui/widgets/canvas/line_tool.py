"""A line that the user draws over the image, for the profile of the map along it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QLineF, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen

from gui.widgets.canvas.drag_tool import DragTool
from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.items import SceneItem

_END = 4.0
_STEPS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


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


class LineTool(DragTool):
    """Draws a line on a canvas while it is switched on. drawn(QLineF): by the user, in pixels of
    the image; again while it is dragged. ended: it is let go of, or Return is pressed.

    stepped(across, down, end): an arrow key was pressed on the canvas, to move the line by so many
    cells to the right and down, or with Shift its end alone, which is the one without a dot.
    """

    drawn = Signal(object)
    stepped = Signal(int, int, bool)
    ended = Signal()

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        canvas.installEventFilter(self)
        self._item = LineItem()
        canvas.scene().addItem(self._item)

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

    def _dragged(self, start: QPointF, place: QPointF) -> None:
        line = QLineF(start, place)
        if line.length() > 0:
            self.show_line(line)
            self.drawn.emit(line)

    def _let_go(self, start: QPointF, place: QPointF) -> None:
        self._dragged(start, place)
        self.ended.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        keyed = event.type() == QEvent.Type.KeyPress and watched is self._canvas
        if self._on and keyed and isinstance(event, QKeyEvent) and self._take_key(event):
            return True
        return super().eventFilter(watched, event)

    def _take_key(self, event: QKeyEvent) -> bool:
        key, shift = Qt.Key(event.key()), Qt.KeyboardModifier.ShiftModifier
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in _STEPS and held in (Qt.KeyboardModifier.NoModifier, shift):
            self.stepped.emit(*_STEPS[key], held == shift)
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.ended.emit()
            return True
        return False
