"""Rectangles of whole pixels, and how those of an edit are rounded to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.records.edits import Brush, Ellipse, Lasso, Rectangle
from engine.records.images import Region


@dataclass(frozen=True, slots=True)
class Box:
    """Columns left to right - 1 and rows top to bottom - 1; empty if right or bottom is not after
    left or top."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return max(0, self.right - self.left)

    @property
    def height(self) -> int:
        return max(0, self.bottom - self.top)

    @property
    def is_empty(self) -> bool:
        return self.width == 0 or self.height == 0

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of an array that begins at (0, 0)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def region(self) -> Region:
        return Region(self.left, self.top, self.width, self.height)

    def moved(self, x: int, y: int) -> Box:
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def within(self, other: Box) -> Box:
        """What both have in common."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def around(self, other: Box) -> Box:
        """The smallest one that holds both."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def grown(self, by: int) -> Box:
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)


def whole(height: int, width: int) -> Box:
    """All of an image of this size."""
    return Box(0, 0, width, height)


def rounded(part: Rectangle) -> Box:
    """A rectangle with its edges rounded to the nearest whole pixels."""
    left, top = _nearest(part.x), _nearest(part.y)
    return Box(left, top, _nearest(part.x + part.width), _nearest(part.y + part.height))


def reached(shape: Rectangle | Ellipse | Lasso | Brush) -> Box:
    """The smallest box that has every pixel of a shape, and perhaps one more on each side."""
    if isinstance(shape, Rectangle | Ellipse):
        ends = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
    else:
        across, down = zip(*shape.points, strict=True)
        far = shape.radius if isinstance(shape, Brush) else 0.0
        ends = (min(across) - far, min(down) - far, max(across) + far, max(down) + far)
    left, top, right, bottom = ends
    return Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def _nearest(value: float) -> int:
    # Halves go up, so that a shift by whole pixels shifts what is rounded by as many.
    return math.floor(value + 0.5)
