"""The values of a map along a line on the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.records.display import Interpolation
from engine.records.explanations import Explanation

if TYPE_CHECKING:
    from numpy.typing import NDArray

Point = tuple[float, float]
"""(x, y) on the original image, in pixels."""

Line = tuple[Point, Point]
"""Start and end."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Values of a map along a line, all float64 of one length.

    distances: from its start, in pixels of the image. values: of the map; NaN outside its region.
    xs, ys: where they were taken.
    """

    distances: NDArray[np.float64]
    values: NDArray[np.float64]
    xs: NDArray[np.float64]
    ys: NDArray[np.float64]


def profile(
    explanation: Explanation,
    start: Point,
    end: Point,
    interpolation: Interpolation = "grid",
    samples: int = 257,
) -> Profile:
    """The map at so many evenly spaced points of a line, both ends among them.

    'grid' takes the value of the cell that a point is in; 'smooth' is linear between the centres of
    cells, as the overlay is. Raises ValueError for fewer than two samples.
    """
    if samples < 2:
        raise ValueError(f"a line needs two samples at least, not {samples}")
    along = np.linspace(0.0, 1.0, samples)
    xs = start[0] + (end[0] - start[0]) * along
    ys = start[1] + (end[1] - start[1]) * along
    region, map = explanation.region, explanation.map.astype(np.float64)
    rows, columns = map.shape
    u = (xs - region.x) / region.width * columns
    v = (ys - region.y) / region.height * rows
    inside = (u >= 0) & (u <= columns) & (v >= 0) & (v <= rows)
    values = _cells(map, u, v) if interpolation == "grid" else _linear(map, u, v)
    length = math.dist(start, end)
    return Profile(along * length, np.where(inside, values, np.nan), xs, ys)


def line_through(explanation: Explanation, name: str) -> Line:
    """The 'row', 'column' or 'diagonal' of the largest value, from edge to edge of the region.

    The diagonal falls to the right by 45 degrees on the image. Raises ValueError for another name.
    """
    (x, y), region = explanation.peak, explanation.region
    right, bottom = region.x + region.width, region.y + region.height
    if name == "row":
        return (region.x, y), (right, y)
    if name == "column":
        return (x, region.y), (x, bottom)
    if name == "diagonal":
        back, on = min(x - region.x, y - region.y), min(right - x, bottom - y)
        return (x - back, y - back), (x + on, y + on)
    raise ValueError(f"a line is a row, column or diagonal, not {name!r}")


def moved(explanation: Explanation, line: Line, cells: tuple[int, int], *, end: bool) -> Line:
    """A line that was moved by so many cells of the map to the right and down, or its end alone.

    It stays on the image, if it was there.
    """
    region, (width, height) = explanation.region, explanation.image_size
    rows, columns = explanation.map.shape
    by_x, by_y = cells[0] * region.width / columns, cells[1] * region.height / rows
    parts = line[1:] if end else line
    by_x = _kept([x for x, _ in parts], by_x, width)
    by_y = _kept([y for _, y in parts], by_y, height)
    first, *_ = placed = [(x + by_x, y + by_y) for x, y in parts]
    return (line[0], first) if end else (first, placed[1])


def _kept(places: list[float], by: float, size: float) -> float:
    """How far places can be moved without leaving an image of this size."""
    return max(by, min(0.0, -min(places))) if by < 0 else min(by, max(0.0, size - max(places)))


def _cells(
    map: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows, columns = map.shape
    row = np.clip(np.floor(v), 0, rows - 1).astype(np.intp)
    column = np.clip(np.floor(u), 0, columns - 1).astype(np.intp)
    found: NDArray[np.float64] = map[row, column]
    return found


def _linear(
    map: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows, columns = map.shape
    across = np.clip(u - 0.5, 0, columns - 1)
    down = np.clip(v - 0.5, 0, rows - 1)
    left, top = np.floor(across).astype(np.intp), np.floor(down).astype(np.intp)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    x, y = across - left, down - top
    upper = map[top, left] * (1 - x) + map[top, right] * x
    lower = map[bottom, left] * (1 - x) + map[bottom, right] * x
    found: NDArray[np.float64] = upper * (1 - y) + lower * y
    return found
