"""What the tools draw over the image: outlines of edits, and the stroke under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from engine.records.edits import Brush, Lasso, Shape
from gui.toolkit import theme
from gui.widgets.canvas.items import SceneItem
from gui.widgets.canvas.tools.geometry import corners, line_path, polygon, shape_path

HANDLE = 8
"""The side of a handle, in logical pixels."""

_VEIL = 110
_DARK, _LIGHT = QColor(0, 0, 0, 160), QColor(255, 255, 255, 235)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """place: in the list of edits. on: whether it is done. box: with corners to drag, or empty."""

    place: int
    path: QPainterPath
    on: bool
    box: QRectF


class ToolItem(SceneItem):
    """Outlines, the shape that is being drawn, and the circle of the brush.

    offset: of the shown image in the image as its file has it, which all coordinates are of. seen:
    what of the draft the image shows already.
    """

    def __init__(self) -> None:
        super().__init__()
        self.offset = QPointF()
        self.outlines: list[Outline] = []
        self.selected = -1
        self.draft: Shape | None = None
        self.seen: Shape | None = None
        self.cropping = False
        self.circle: tuple[QPointF, float] | None = None
        self.setZValue(2)

    def draw(self, painter: QPainter, visible: QRectF) -> None:
        painter.setClipRect(visible, Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.translate(-self.offset)
        for outline in self.outlines:
            self._draw_outline(painter, outline)
        if self.draft is not None:
            self._draw_draft(painter, self.draft)
        if self.circle is not None:
            self._draw_path(painter, _circle(*self.circle), _LIGHT, 1.2)

    def _draw_outline(self, painter: QPainter, outline: Outline) -> None:
        chosen = outline.place == self.selected
        accent = QColor(theme.current().accent)
        color = accent if chosen else QColor(_LIGHT)
        if not outline.on:
            color.setAlpha(120)
        self._draw_path(painter, outline.path, color, 1.6 if chosen else 1.0, dashed=True)
        if not chosen or outline.box.isEmpty():
            return
        side = HANDLE * _per_pixel(painter)
        for corner in corners(outline.box):
            square = QRectF(0, 0, side, side)
            square.moveCenter(corner)
            painter.fillRect(square.adjusted(-side / 6, -side / 6, side / 6, side / 6), _DARK)
            painter.fillRect(square, accent)

    def _draw_draft(self, painter: QPainter, shape: Shape) -> None:
        """A veil where the edit will be; of a crop, its frame."""
        if shape == self.seen and not isinstance(shape, Brush):
            self._draw_path(painter, shape_path(shape), _LIGHT, 1.0)
            return
        veil = QColor(theme.current().accent)
        veil.setAlpha(_VEIL)
        if self.cropping:
            self._draw_path(painter, shape_path(shape), _LIGHT, 1.6, dashed=True)
        elif isinstance(shape, Brush):
            # Its outline takes far longer than a thick line.
            pen = QPen(veil, 2 * shape.radius)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            known = len(self.seen.points) if isinstance(self.seen, Brush) else 0
            if known < len(shape.points):
                painter.strokePath(line_path(shape.points[max(0, known - 1) :]), pen)
        elif isinstance(shape, Lasso):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(veil)
            painter.drawPolygon(polygon(shape.points), Qt.FillRule.OddEvenFill)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            self._draw_path(painter, line_path(shape.points), _LIGHT, 1.0)
        else:
            painter.fillPath(shape_path(shape), veil)
            self._draw_path(painter, shape_path(shape), _LIGHT, 1.0)

    def _draw_path(
        self,
        painter: QPainter,
        path: QPainterPath,
        color: QColor,
        width: float,
        *,
        dashed: bool = False,
    ) -> None:
        """A line with a dark border, visible on anything."""
        ratio = painter.device().devicePixelRatio()
        for part, (tint, wide) in enumerate(((_DARK, width + 2), (color, width))):
            pen = QPen(tint, wide * ratio)
            pen.setCosmetic(True)
            if dashed and part:
                pen.setDashPattern([5, 3])
            painter.strokePath(path, pen)


def _per_pixel(painter: QPainter) -> float:
    """Image pixels per logical pixel of the screen."""
    return painter.device().devicePixelRatio() / max(1e-6, painter.deviceTransform().m11())


def _circle(middle: QPointF, radius: float) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(middle, radius, radius)
    return path
