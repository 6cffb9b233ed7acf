"""Rectangles over the image, and a tool with which the user draws one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from engine.records.images import Region
from gui.toolkit import theme
from gui.widgets.canvas.drag_tool import DragTool
from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.items import SceneItem

_LEAST = 2.0
"""Sides of a rectangle that was meant, in pixels of the image."""


class RegionItem(SceneItem):
    """Rectangles: light with a dark border, visible on anything; one of them in the accent."""

    def __init__(self) -> None:
        super().__init__()
        self.rectangles: tuple[QRectF, ...] = ()
        self.chosen = -1
        self.setZValue(1)

    def set_rectangles(self, rectangles: Sequence[QRectF], chosen: int, bounds: QRectF) -> None:
        """bounds: of the image, which they lie in."""
        self.rectangles, self.chosen = tuple(rectangles), chosen
        self.set_bounds(bounds if rectangles else QRectF())
        self.update()

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        ratio = painter.device().devicePixelRatio()
        accent = QColor(theme.current().accent)
        for place, rectangle in enumerate(self.rectangles):
            if not rectangle.intersects(visible):
                continue
            light = accent if place == self.chosen else QColor(255, 255, 255)
            for color, width in ((QColor(0, 0, 0, 170), 4), (light, 2)):
                pen = QPen(color, width * ratio)
                pen.setCosmetic(True)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                painter.drawRect(rectangle)


class RegionTool(DragTool):
    """Shows rectangles on a canvas, and draws one while it is switched on.

    drawn(Region): the user has let go of one, in pixels of the image. given_up(): of something too
    small to be meant.
    """

    drawn = Signal(object)
    given_up = Signal()

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self._shown: tuple[list[QRectF], int] = ([], -1)
        self._item = RegionItem()
        canvas.scene().addItem(self._item)

    @property
    def rectangles(self) -> tuple[QRectF, ...]:
        """The rectangles that are shown."""
        return self._item.rectangles

    def set_on(self, on: bool) -> None:
        """Draw with the left button, or leave it to the canvas."""
        super().set_on(on)
        self._show(None)

    def show_regions(self, regions: Sequence[Region], chosen: int = -1) -> None:
        """Show rectangles. chosen: the place of the one that stands out, -1 for none."""
        rectangles = [QRectF(r.x, r.y, r.width, r.height) for r in regions]
        self._shown = rectangles, chosen
        self._show(None)

    def _dragged(self, start: QPointF, place: QPointF) -> None:
        self._show(self._rectangle(start, place))

    def _let_go(self, start: QPointF, place: QPointF) -> None:
        drawn = self._rectangle(start, place)
        self.set_on(False)
        if min(drawn.width(), drawn.height()) < _LEAST:
            self.given_up.emit()
        else:
            self.drawn.emit(Region(drawn.x(), drawn.y(), drawn.width(), drawn.height()))

    def _rectangle(self, start: QPointF, place: QPointF) -> QRectF:
        """What has been drawn so far, within the image and of whole pixels."""
        around = QRectF(start, place).normalized() & self._bounds()
        return QRectF(around.toAlignedRect()) & self._bounds()

    def _bounds(self) -> QRectF:
        return self._canvas.image_bounds()

    def _show(self, drawing: QRectF | None) -> None:
        rectangles, chosen = self._shown
        if drawing is not None:
            rectangles, chosen = [*rectangles, drawing], len(rectangles)
        bounds = self._bounds()
        self._item.set_sight(bounds)
        self._item.set_rectangles(rectangles, chosen, bounds)
        self._canvas.viewport().update()
