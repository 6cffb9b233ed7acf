"""Contour lines of a map, as line segments between points of its region."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import Pixels
from engine.render.values import is_blank, normalised, sampled, share_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_POINTS = 400
"""Points along a side at which a smooth map is looked at."""

_SHIFT = 4
"""Binary digits after the point of a coordinate that OpenCV draws."""

DARK, LIGHT = (0, 0, 0), (255, 255, 255)
"""A contour is a light line with dark borders, so that it is seen on anything."""


def segments(explanation: Explanation, settings: DisplaySettings) -> NDArray[np.float32]:
    """Lines of the settings' contours: float32 (n, 2, 2), each (x, y) to (x, y), as fractions of
    the region, from its top left corner.

    Between smooth cells they lie where the value is that of the level; in a grid, along the borders
    of cells.
    """
    if not settings.contours or is_blank(explanation.map, settings):
        return np.empty((0, 2, 2), np.float32)
    values = normalised(explanation.map, settings, share_of(explanation))
    sides = (1.0, -1.0) if settings.sign == "signed" else (1.0,)
    find = _borders if settings.interpolation == "grid" else _lines
    found = [find(values * np.float32(s), level) for s in sides for level in settings.contours]
    return np.concatenate(found).astype(np.float32)


def _borders(values: FloatMap, level: float) -> NDArray[np.float64]:
    """The borders between cells at or above the level and others."""
    rows, columns = values.shape
    above = values >= level
    down = np.argwhere(above[:, 1:] != above[:, :-1])[:, ::-1] + np.array((1, 0))
    along = np.argwhere(above[1:] != above[:-1])[:, ::-1] + np.array((0, 1))
    upright = np.stack([down, down + np.array((0, 1))], axis=1)
    lying = np.stack([along, along + np.array((1, 0))], axis=1)
    return np.concatenate([upright, lying]) / (columns, rows)


def _lines(values: FloatMap, level: float) -> NDArray[np.float64]:
    """Marching squares over points that lie a fraction of a cell apart."""
    rows, columns = values.shape
    fine = max(1, min(16, _MOST_POINTS // max(rows, columns)))
    across = np.linspace(0.0, columns, min(columns * fine, 2 * _MOST_POINTS) + 1)
    down = np.linspace(0.0, rows, min(rows * fine, 2 * _MOST_POINTS) + 1)
    field = sampled(values, across, down, "smooth").astype(np.float64) - level
    above = field >= 0
    corners = above[:-1, :-1], above[:-1, 1:], above[1:, 1:], above[1:, :-1]
    kind = np.sum([corner.astype(np.intp) << bit for bit, corner in enumerate(corners)], axis=0)
    y, x = np.nonzero((kind > 0) & (kind < 15))
    crossings = _crossings(field, x, y)
    found = []
    for case, pairs in _CASES.items():
        here = kind[y, x] == case
        found += [np.stack([crossings[a][here], crossings[b][here]], axis=1) for a, b in pairs]
    return np.concatenate(found) / (len(across) - 1, len(down) - 1)


def _crossings(
    field: NDArray[np.float64], x: NDArray[np.intp], y: NDArray[np.intp]
) -> tuple[NDArray[np.float64], ...]:
    """Where the field is zero on the upper, right, lower and left side of squares: (n, 2) each."""

    def part(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        apart = first - second
        return np.divide(first, apart, out=np.full_like(first, 0.5), where=apart != 0).clip(0, 1)

    a, b, c, d = field[y, x], field[y, x + 1], field[y + 1, x + 1], field[y + 1, x]
    return (
        np.stack([x + part(a, b), y.astype(float)], axis=1),
        np.stack([x + 1.0, y + part(b, c)], axis=1),
        np.stack([x + part(d, c), y + 1.0], axis=1),
        np.stack([x.astype(float), y + part(a, d)], axis=1),
    )


# By which corners are above (top left 1, top right 2, bottom right 4, bottom left 8): the sides
# that a line joins (upper 0, right 1, lower 2, left 3).
_CASES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),),
    7: ((3, 2),), 8: ((2, 3),), 9: ((0, 2),), 10: ((0, 1), (2, 3)), 11: ((1, 2),),
    12: ((3, 1),), 13: ((0, 1),), 14: ((3, 0),),
}  # fmt: skip


def draw(pixels: Pixels, explanation: Explanation, settings: DisplaySettings) -> None:
    """Draw the contours on an image, uint8 (h, w, 3), in place; as wide as suits its size."""
    lines = segments(explanation, settings)
    if not lines.size:
        return
    region = explanation.region
    at = lines * (region.width, region.height) + (region.x - 0.5, region.y - 0.5)
    points = [line.reshape(2, 1, 2) for line in np.rint(at * (1 << _SHIFT)).astype(np.int32)]
    width = max(1, round(math.sqrt(pixels.shape[0] * pixels.shape[1]) / 500))
    for color, thick in ((DARK, width + 2 * max(1, width // 2)), (LIGHT, width)):
        cv2.polylines(pixels, points, False, color, thick, cv2.LINE_AA, _SHIFT)
