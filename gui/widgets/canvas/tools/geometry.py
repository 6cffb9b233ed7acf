"""The geometry of edits on the canvas: where they are, whether a point hits them, and moving them.

All coordinates are pixels of the image as its file has it.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPainterPathStroker, QPolygonF

from engine.records.edits import (
    Brush,
    Crop,
    Edit,
    Ellipse,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Point,
    Rectangle,
    Shape,
)

LEAST = 1.0
"""The smallest side of a box, in pixels."""


def path_of(edit: Edit) -> QPainterPath:
    """The outline of what an edit is about; empty for one about the whole image."""
    if isinstance(edit, Crop):
        return shape_path(edit.part)
    if isinstance(edit, Hide):
        return shape_path(edit.shape)
    if isinstance(edit, Paste):
        return shape_path(paste_box(edit))
    return QPainterPath()


def paste_box(edit: Paste) -> Rectangle:
    """Where the pasted part lies."""
    part, scale = edit.part, edit.scale
    return Rectangle(*edit.at, part.width * scale, part.height * scale)


def shape_path(shape: Shape) -> QPainterPath:
    """The outline of a shape."""
    path = QPainterPath()
    if isinstance(shape, Hottest):
        return path
    if isinstance(shape, Rectangle):
        path.addRect(QRectF(shape.x, shape.y, shape.width, shape.height))
    elif isinstance(shape, Ellipse):
        path.addEllipse(QRectF(shape.x, shape.y, shape.width, shape.height))
    elif isinstance(shape, Lasso):
        path.addPolygon(polygon(shape.points))
        path.closeSubpath()
    else:
        stroker = QPainterPathStroker()
        stroker.setWidth(2 * shape.radius)
        stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
        stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        return stroker.createStroke(line_path(shape.points)).simplified()
    return path


def line_path(points: tuple[Point, ...]) -> QPainterPath:
    """An open line through points; a single one is a line of no length."""
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:] or points:
        path.lineTo(QPointF(*point))
    if len(points) == 1:
        # Otherwise a stroke of no length has no cap.
        path.lineTo(QPointF(points[0][0] + 1e-3, points[0][1]))
    return path


def polygon(points: tuple[Point, ...]) -> QPolygonF:
    return QPolygonF([QPointF(*point) for point in points])


def moved(edit: Edit, by: QPointF) -> Edit:
    """The edit at another place."""
    if isinstance(edit, Crop):
        return replace(edit, part=_moved_box(edit.part, by))
    if isinstance(edit, Hide):
        return replace(edit, shape=_moved_shape(edit.shape, by))
    if isinstance(edit, Paste):
        return replace(edit, at=_moved_point(edit.at, by))
    return edit


def _moved_box(box: Rectangle, by: QPointF) -> Rectangle:
    return replace(box, x=box.x + by.x(), y=box.y + by.y())


def _moved_shape(shape: Shape, by: QPointF) -> Shape:
    if isinstance(shape, Lasso | Brush):
        return replace(shape, points=tuple(_moved_point(point, by) for point in shape.points))
    if isinstance(shape, Hottest):
        return shape
    return replace(shape, x=shape.x + by.x(), y=shape.y + by.y())


def _moved_point(point: Point, by: QPointF) -> Point:
    return point[0] + by.x(), point[1] + by.y()


def box_of(edit: Edit) -> QRectF:
    """The box of an edit that can be resized by its corners; empty for the others."""
    if isinstance(edit, Crop):
        box: Rectangle | Ellipse = edit.part
    elif isinstance(edit, Hide) and isinstance(edit.shape, Rectangle | Ellipse):
        box = edit.shape
    elif isinstance(edit, Paste):
        box = paste_box(edit)
    else:
        return QRectF()
    return QRectF(box.x, box.y, box.width, box.height)


def resized(edit: Edit, box: QRectF) -> Edit:
    """The edit in another box; a pasted part keeps its proportions."""
    width, height = max(LEAST, box.width()), max(LEAST, box.height())
    if isinstance(edit, Crop):
        return replace(edit, part=Rectangle(box.x(), box.y(), width, height))
    if isinstance(edit, Hide) and isinstance(edit.shape, Rectangle):
        return replace(edit, shape=Rectangle(box.x(), box.y(), width, height))
    if isinstance(edit, Hide) and isinstance(edit.shape, Ellipse):
        return replace(edit, shape=Ellipse(box.x(), box.y(), width, height))
    if isinstance(edit, Paste):
        scale = max(width / edit.part.width, LEAST / edit.part.height)
        return replace(edit, at=(box.x(), box.y()), scale=scale)
    return edit


def corners(box: QRectF) -> tuple[QPointF, ...]:
    """The corners of a box, clockwise from the top left."""
    return box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft()


def dragged(box: QRectF, corner: int, to: QPointF) -> QRectF:
    """The box with one of its corners at another place; the opposite one stays."""
    return QRectF(corners(box)[(corner + 2) % 4], to).normalized()
