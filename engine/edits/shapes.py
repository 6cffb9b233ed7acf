"""From shapes to masks: a pixel belongs to a shape that its centre lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.edits.boxes import Box, reached
from engine.lazy.numpy import np
from engine.records.edits import Brush, Ellipse, Hottest, Lasso, Rectangle, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mask_of(shape: Shape, size: tuple[int, int], at: tuple[int, int] = (0, 0)) -> NDArray[np.bool_]:
    """The pixels of a shape on an image: bool (height, width).

    size: (height, width). at: (x, y) of the image's top-left corner, for one that was cropped from
    the image that the shape is on. Raises ValueError for Hottest, whose pixels take a map.
    """
    if isinstance(shape, Hottest):
        raise ValueError("the hottest pixels take a map of the image")
    height, width = size
    frame = Box(at[0], at[1], at[0] + width, at[1] + height)
    box = reached(shape).within(frame)
    mask = np.zeros(size, bool)
    if not box.is_empty:
        mask[box.moved(-at[0], -at[1]).part] = mask_within(shape, box)
    return mask


def mask_within(shape: Rectangle | Ellipse | Lasso | Brush, box: Box) -> NDArray[np.bool_]:
    """The pixels of a shape in a box that is not empty: bool (height, width) of the box."""
    x, y = np.arange(box.left, box.right) + 0.5, np.arange(box.top, box.bottom) + 0.5
    if isinstance(shape, Rectangle):
        across = (x >= shape.x) & (x < shape.x + shape.width)
        down = (y >= shape.y) & (y < shape.y + shape.height)
        return np.asarray(down[:, None] & across)
    if isinstance(shape, Ellipse):
        a, b = shape.width / 2, shape.height / 2
        far_x, far_y = ((x - shape.x - a) / a) ** 2, ((y - shape.y - b) / b) ** 2
        return np.asarray(far_y[:, None] + far_x <= 1)
    if isinstance(shape, Lasso):
        return _inside(shape, box)
    mask = np.zeros((box.height, box.width), bool)
    for start in range(max(1, len(shape.points) - 1)):
        piece = Brush(shape.points[start : start + 2], shape.radius)
        own = reached(piece).within(box)
        if not own.is_empty:
            mask[own.moved(-box.left, -box.top).part] |= _stroke(piece, own)
    return mask


def _stroke(piece: Brush, box: Box) -> NDArray[np.bool_]:
    """What is no farther from a line between two points than the radius, or from one point."""
    x = np.arange(box.left, box.right, dtype=np.float64) + 0.5
    y = np.arange(box.top, box.bottom, dtype=np.float64)[:, None] + 0.5
    (x0, y0), (x1, y1) = piece.points[0], piece.points[-1]
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    if length == 0:
        return np.asarray((x - x0) ** 2 + (y - y0) ** 2 <= piece.radius**2)
    along = (((x - x0) * dx + (y - y0) * dy) / length).clip(0, 1)
    return np.asarray((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= piece.radius**2)


def _inside(shape: Lasso, box: Box) -> NDArray[np.bool_]:
    """By the even-odd rule: each row is inside after an odd number of crossings with the line."""
    toggles = np.zeros((box.height, box.width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(shape.points, (*shape.points[1:], shape.points[0]), strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        # The rows whose centres lie at low or below it, and above high.
        first = max(box.top, int(np.ceil(low - 0.5)))
        rows = np.arange(first, min(box.bottom, int(np.ceil(high - 0.5))))
        if not len(rows):
            continue
        crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        columns = np.ceil(crossing - 0.5).clip(box.left, box.right).astype(np.int64)
        toggles[rows - box.top, columns - box.left] += 1
    return np.asarray(np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1)
