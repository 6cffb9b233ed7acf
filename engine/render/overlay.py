"""Blends maps with images, and says where they lie: pure functions on numpy arrays.

This module alone defines where a cell of the map lies on the original image. A map of R rows and C
columns divides the explained region into R x C equal rectangles: a point (x, y) of the image has
the map coordinates u = (x - region.x) / region.width * C and v = (y - region.y) / region.height * R
and belongs to the cell (floor(v), floor(u)). A cell's value is exact at its centre, and 'smooth' is
linear between centres: unlike cubic, linear interpolation adds no peaks and stays within the range.
A pixel belongs to the region if its centre does.

values says where a value lies on the colour scale, painting gives it a colour, bars draws the
scale. Colours are never resampled. The names of all of them can be had from here.
"""

from __future__ import annotations

import math

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import Pixels, Region
from engine.render import backdrop, contours
from engine.render.bars import bar_colors, bar_marks, bar_picture, contour_places
from engine.render.colormaps import COLORMAPS, LEGACY, lookup_table
from engine.render.painting import (
    colorize,
    indexed_layer,
    layer,
    opacities,
    painted,
    table_for,
)
from engine.render.ticks import marks, number_text, ticks
from engine.render.values import (
    WEAK,
    is_blank,
    is_weak,
    normalised,
    nothing_words,
    sampled,
    scale,
    share_of,
    shown_part,
    value_range,
)

__all__ = [
    "COLORMAPS",
    "LEGACY",
    "WEAK",
    "bar_colors",
    "bar_marks",
    "bar_picture",
    "blend",
    "blend_into",
    "cell_at",
    "colorize",
    "contour_places",
    "covered",
    "indexed_layer",
    "is_blank",
    "is_weak",
    "layer",
    "lookup_table",
    "marks",
    "nothing_words",
    "number_text",
    "scale",
    "share_of",
    "shown_part",
    "table_for",
    "ticks",
    "value_at",
    "value_range",
]

_BAND_PIXELS = 1 << 20


def covered(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels whose centre is in the region: (left, top, right, bottom), ends exclusive.

    size: (width, height) of the image, to which the result is clipped. It may be empty.
    """
    width, height = size

    def first(edge: float, limit: int) -> int:
        return min(max(math.ceil(edge - 0.5), 0), limit)

    left, right = first(region.x, width), first(region.x + region.width, width)
    top, bottom = first(region.y, height), first(region.y + region.height, height)
    return left, top, max(left, right), max(top, bottom)


def blend_into(pixels: Pixels, explanation: Explanation, settings: DisplaySettings) -> None:
    """Like blend, but changes pixels (uint8 (H, W, 3), writeable) in place.

    Works in bands, so that an image of 100 megapixels needs only a few additional megabytes; edges
    and grey need that of the image once more.
    """
    backdrop.lay(pixels, settings.backdrop)
    if not is_blank(explanation.map, settings):
        if settings.opacity > 0.0:
            _blend_map(pixels, explanation, settings)
        contours.draw(pixels, explanation, settings)


def _blend_map(pixels: Pixels, explanation: Explanation, settings: DisplaySettings) -> None:
    region = explanation.region
    left, top, right, bottom = covered(region, (pixels.shape[1], pixels.shape[0]))
    if right <= left or bottom <= top:
        return
    values = normalised(explanation.map, settings, share_of(explanation))
    rows, columns = values.shape
    u = (np.arange(left, right) + 0.5 - region.x) / region.width * columns
    step = max(1, _BAND_PIXELS // (right - left))
    for start in range(top, bottom, step):
        end = min(start + step, bottom)
        v = (np.arange(start, end) + 0.5 - region.y) / region.height * rows
        shown = sampled(values, u, v, settings.interpolation)
        part = opacities(shown, settings)
        band = pixels[start:end, left:right]
        below = np.ascontiguousarray(band)
        band[:] = cv2.blendLinear(below, painted(shown, settings), np.float32(1) - part, part)


def blend(pixels: Pixels, explanation: Explanation, settings: DisplaySettings) -> Pixels:
    """The image with the map blended in: a new uint8 (H, W, 3), at the image's own resolution.

    pixels: the original, RGB. Inside the explained region every pixel becomes
    (1 - a) x original + a x colour, where a is the opacity, times the place of the value on the
    scale if the map fades out. Outside it, and everywhere at opacity 0 or for a map with nothing to
    show, the result equals the original bit for bit, unless another backdrop or contours are set.
    """
    result = pixels.copy()
    blend_into(result, explanation, settings)
    return result


def cell_at(explanation: Explanation, x: float, y: float) -> tuple[int, int] | None:
    """(row, column) of the cell at the point (x, y) of the original, None outside.

    For the pixel in column i and row j, pass its centre (i + 0.5, j + 0.5).
    """
    width, height = explanation.image_size
    region = explanation.region
    if not (0 <= x < width and 0 <= y < height) or region.width <= 0 or region.height <= 0:
        return None
    rows, columns = explanation.map.shape
    column = math.floor((x - region.x) / region.width * columns)
    row = math.floor((y - region.y) / region.height * rows)
    if not (0 <= row < rows and 0 <= column < columns):
        return None
    return row, column


def value_at(explanation: Explanation, x: float, y: float) -> float | None:
    """The map's value in the cell at the point (x, y), None outside the region."""
    cell = cell_at(explanation, x, y)
    return None if cell is None else float(explanation.map[cell])
