"""An image reduced for live answers, and its edits at the same scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.edits import (
    Brush,
    Change,
    Crop,
    Edit,
    Edits,
    Ellipse,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Point,
    Rectangle,
    Shape,
)
from engine.records.images import LoadedImage, Preprocessing

_WORTH = 1.5
"""How much larger than what the network resizes it to an image has to be, to be reduced."""

_APART = 0.4
"""Points of a stroke are thinned to this part of its radius: its edge moves by a fiftieth of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """image: the reduced one. scale: its size, relative to the size of the image itself."""

    image: LoadedImage
    scale: float = 1.0

    def edits(self, edits: Edits) -> Edits:
        """The edits that do to the reduced image what these do to the image."""
        if self.scale == 1.0:
            return edits
        return Edits(tuple(self._edit(edit) for edit in edits.steps))

    def _edit(self, edit: Edit) -> Edit:
        if isinstance(edit, Crop):
            return replace(edit, part=self._box(edit.part))
        if isinstance(edit, Hide):
            return replace(edit, shape=self._shape(edit.shape))
        if isinstance(edit, Paste):
            return replace(edit, at=self._point(edit.at), scale=edit.scale * self.scale)
        assert isinstance(edit, Change)
        return edit

    def _shape(self, shape: Shape) -> Shape:
        if isinstance(shape, Hottest):
            return shape
        if isinstance(shape, Lasso):
            return Lasso(tuple(map(self._point, shape.points)))
        if isinstance(shape, Brush):
            points = thinned(shape.points, _APART * shape.radius)
            return Brush(tuple(map(self._point, points)), shape.radius * self.scale)
        box = self._box(Rectangle(shape.x, shape.y, shape.width, shape.height))
        return box if isinstance(shape, Rectangle) else Ellipse(*_sides(box))

    def _box(self, box: Rectangle) -> Rectangle:
        return Rectangle(*(side * self.scale for side in _sides(box)))

    def _point(self, point: Point) -> Point:
        return point[0] * self.scale, point[1] * self.scale


def thinned(points: tuple[Point, ...], apart: float) -> tuple[Point, ...]:
    """A line without the points that are nearer than this to the one before; its ends stay."""
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= apart:
            kept.append(point)
    return (*kept, points[-1]) if len(points) > 1 else tuple(kept)


def _sides(box: Rectangle) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def reduced_for(image: LoadedImage, how: Preprocessing) -> Reduced:
    """The image at a size from which the network's input can be made; the image itself where it is
    not much larger. Deep images stay as they are."""
    resize = how.resize if isinstance(how.resize, tuple) else (how.resize or max(how.crop),) * 2
    wanted = max(*resize, *how.crop)
    shorter = min(image.width, image.height)
    # Without a resize, the network takes pixels as they are.
    if image.depth is not None or how.resize is None or shorter <= _WORTH * wanted:
        return Reduced(image)
    scale = wanted / shorter
    size = math.ceil(image.width * scale), math.ceil(image.height * scale)
    pixels = cv2.resize(np.ascontiguousarray(image.pixels), size, interpolation=cv2.INTER_AREA)
    return Reduced(replace(image, pixels=pixels), scale)
