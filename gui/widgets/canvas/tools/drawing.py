"""From the way of the pointer to the shape that a tool draws."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF

from engine.records.edits import Brush, Ellipse, Lasso, Point, Rectangle, Shape
from gui.widgets.canvas.tools.geometry import corners

Tool = Literal["", "select", "crop", "rectangle", "ellipse", "lasso", "brush", "copy"]

_CLOSE = 0.12
"""Points of a stroke nearer to each other than this part of the radius are one."""


class Drawing:
    """One shape while it is drawn, in pixels of the image. radius: of the brush. pixel: of the
    screen, in those of the image."""

    def __init__(self, tool: Tool, start: QPointF, radius: float, pixel: float) -> None:
        self._tool = tool
        self._start = start
        self._radius = radius
        self._pixel = pixel
        self._points: list[Point] = [(start.x(), start.y())]

    def shape_to(self, place: QPointF, *, square: bool) -> Shape | None:
        """The shape when the pointer has come to a place; None while it is too small to be one.
        square: a box has sides of one length."""
        if self._tool in ("lasso", "brush"):
            return self._line_to(place)
        box = QRectF(self._start, place).normalized()
        if square:
            side = max(box.width(), box.height())
            across = -side if place.x() < self._start.x() else side
            down = -side if place.y() < self._start.y() else side
            box = QRectF(self._start, self._start + QPointF(across, down)).normalized()
        if min(box.width(), box.height()) < max(1.0, 2 * self._pixel):
            return None
        sides = box.x(), box.y(), box.width(), box.height()
        return Ellipse(*sides) if self._tool == "ellipse" else Rectangle(*sides)

    def _line_to(self, place: QPointF) -> Shape | None:
        far = _CLOSE * self._radius if self._tool == "brush" else 2 * self._pixel
        if (place - QPointF(*self._points[-1])).manhattanLength() >= far:
            self._points.append((place.x(), place.y()))
        if self._tool == "brush":
            return Brush(tuple(self._points), self._radius)
        return Lasso(tuple(self._points)) if len(self._points) > 2 else None


def shape_in(tool: Tool, box: QRectF, radius: float) -> Shape:
    """The shape that a tool draws by keyboard: in a box, or at its middle."""
    sides = box.x(), box.y(), box.width(), box.height()
    if tool == "ellipse":
        return Ellipse(*sides)
    if tool == "brush":
        return Brush(((box.center().x(), box.center().y()),), radius)
    if tool == "lasso":
        return Lasso(tuple((p.x(), p.y()) for p in corners(box)))
    return Rectangle(*sides)
