"""Converts maps to colours and blends them with images: pure functions on numpy arrays.

This module alone defines where a cell of the map lies on the original image. A map of R rows and C
columns divides the explained region into R x C equal rectangles: a point (x, y) of the image has
the map coordinates u = (x - region.x) / region.width * C and v = (y - region.y) / region.height * R
and belongs to the cell (floor(v), floor(u)). A cell's value is exact at its centre, and 'smooth' is
linear between centres: unlike cubic, linear interpolation adds no peaks and stays within the range.
A pixel belongs to the region if its centre does.

Values become colours in this order: sign (ReLU), division by the magnitude at the scale's end,
resampling, gamma, colour table. Colours are never resampled. The scale ends at the largest
magnitude; for the methods that map the pixels of the input, whose largest values are a few lone
pixels, at one that all but 0.5 % of the pixels keep within, and the numbers beside it say so.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.methods.registry import METHODS, Family
from engine.records.display import DisplaySettings, Interpolation
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import Pixels, Region
from engine.render.colormaps import COLORMAPS, LEGACY, lookup_table
from engine.render.ticks import marks, number_text, ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "COLORMAPS",
    "LEGACY",
    "WEAK",
    "bar_colors",
    "bar_marks",
    "blend",
    "blend_into",
    "cell_at",
    "colorize",
    "covered",
    "is_blank",
    "is_weak",
    "lookup_table",
    "marks",
    "number_text",
    "scale",
    "share_of",
    "shown_part",
    "table_for",
    "ticks",
    "value_at",
    "value_range",
]

WEAK = 0.05
"""A map is weak if the shown values reach less than this fraction of its largest magnitude."""

_BAND_PIXELS = 1 << 20

_PIXEL_SHARE = 0.995
"""Of the pixels of a map of the input, how many keep within the colour scale."""

_OF_PIXELS = frozenset(method.slug for method in METHODS if method.family is Family.PIXEL)


def table_for(settings: DisplaySettings) -> Pixels:
    """The colour table for these settings: the diverging one if both signs are shown."""
    return lookup_table("signed" if settings.sign == "signed" else settings.colormap)


# --- values --------------------------------------------------------------------------------------


def _finite(map: FloatMap) -> FloatMap:
    values = np.asarray(map, dtype=np.float32)
    if values.size and not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return values


def share_of(explanation: Explanation) -> float:
    """The share of a map's cells whose magnitude keeps within the colour scale, 0 to 1."""
    return _PIXEL_SHARE if explanation.method in _OF_PIXELS else 1.0


def value_range(
    map: FloatMap, settings: DisplaySettings, share: float = 1.0
) -> tuple[float, float]:
    """The map values at the low and at the high end of the colour bar.

    (0, max) for positive, (0, min) for negative, (-m, m) with the largest magnitude m for signed;
    (0, 0) if the map has nothing to show. share: as share_of says; below 1, no end is further from
    zero than the smallest magnitude that this share of all cells does not exceed, unless that is
    zero. Cells that are not finite count as zero. Where the settings name an end, it is that one.
    """
    if settings.end is not None:
        end = -settings.end if settings.sign == "negative" else settings.end
        return (-end if settings.sign == "signed" else 0.0), end
    values = _finite(map)
    low = min(0.0, float(values.min(initial=0.0)))
    high = max(0.0, float(values.max(initial=0.0)))
    if share < 1.0 and values.size:
        place = max(0, math.ceil(share * values.size) - 1)
        most = float(np.partition(np.abs(values), place, axis=None)[place])
        if most > 0.0:
            low, high = max(low, -most), min(high, most)
    if settings.sign == "positive":
        return 0.0, high
    if settings.sign == "negative":
        return 0.0, low
    largest = max(high, -low)
    return -largest, largest


def bar_marks(
    explanation: Explanation, settings: DisplaySettings, spacing: float
) -> tuple[tuple[float, str], ...]:
    """The numbers beside the colour bar, as marks gives them.

    An end that larger values go beyond says so: '\u2265 0.83', or '\u2264 \u22120.83'.
    """
    low, high = value_range(explanation.map, settings, share_of(explanation))
    values = _finite(explanation.map)
    least, most = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    found = [*marks(low, high, spacing)]
    if low < 0.0 and least < low:
        found[0] = found[0][0], f"\u2264 {found[0][1]}"
    if high > 0.0 and most > high:
        found[-1] = found[-1][0], f"\u2265 {found[-1][1]}"
    if high < 0.0 and least < high:
        found[-1] = found[-1][0], f"\u2264 {found[-1][1]}"
    return tuple(found)


def is_blank(map: FloatMap, settings: DisplaySettings) -> bool:
    """Whether these settings show nothing, because no value has the chosen sign."""
    return value_range(map, replace(settings, end=None))[1] == 0.0


def shown_part(map: FloatMap, settings: DisplaySettings) -> float:
    """The largest shown magnitude, as a fraction (0 to 1) of the map's largest magnitude.

    0 for a map that is zero everywhere. Colours do not reveal it, since they always span the shown
    range. Where the scale ends does not matter.
    """
    values = _finite(map).astype(np.float64)
    largest = float(np.abs(values).max(initial=0.0))
    return abs(value_range(map, replace(settings, end=None))[1]) / largest if largest else 0.0


def is_weak(map: FloatMap, settings: DisplaySettings) -> bool:
    """Whether these settings show something, but less than WEAK of the map's largest magnitude.

    This is the case if the positive part of an almost entirely negative map is shown, or vice
    versa.
    """
    return 0.0 < shown_part(map, settings) < WEAK


def _normalise(map: FloatMap, settings: DisplaySettings, share: float) -> FloatMap:
    """Values scaled to -1 to 1 (signed) or 0 to 1 (one sign), without gamma; 0 for a blank map."""
    values = _finite(map)
    end = value_range(values, settings, share)[1]
    if end == 0.0:
        return np.zeros_like(values)
    # In double precision, since a subnormal maximum overflows a float32 quotient.
    scaled = values.astype(np.float64) / end
    low = -1.0 if settings.sign == "signed" else 0.0
    return np.clip(scaled, low, 1.0).astype(np.float32)


def _shape(normalised: FloatMap, settings: DisplaySettings) -> FloatMap:
    """Apply gamma, and shift signed values to 0..1 with zero at 0.5."""
    if settings.sign == "signed":
        if settings.gamma != 1.0:
            magnitude = np.power(np.abs(normalised), np.float32(settings.gamma))
            normalised = np.copysign(magnitude, normalised)
        return normalised * np.float32(0.5) + np.float32(0.5)
    if settings.gamma != 1.0:
        return np.power(normalised, np.float32(settings.gamma))
    return normalised


def scale(map: FloatMap, settings: DisplaySettings, share: float = 1.0) -> FloatMap:
    """The position of each cell on the colour table: float32, shape of map, 0 to 1, never NaN.

    positive: relu(map) / max. negative: relu(-map) / max(-map). signed: 0.5 + map / (2 max|map|).
    Gamma is the exponent of the quotient (of its magnitude, if signed). A map with nothing to show
    is 0 everywhere (signed: 0.5). share: below 1, the scale ends where value_range says, in place
    of the maximum, and what goes beyond is at its end.
    """
    return _shape(_normalise(map, settings, share), settings)


def _paint(normalised: FloatMap, settings: DisplaySettings) -> Pixels:
    index = np.rint(_shape(normalised, settings) * np.float32(255)).astype(np.uint8)
    table = np.ascontiguousarray(table_for(settings)).reshape(256, 1, 3)
    painted: Pixels = cv2.applyColorMap(index, table)
    return painted


def bar_colors(settings: DisplaySettings, length: int) -> Pixels:
    """Colours of a colour bar that is linear in the map's value: uint8 (length, 3), low to high."""
    low = -1.0 if settings.sign == "signed" else 0.0
    ramp = np.linspace(low, 1.0, length, dtype=np.float32).reshape(length, 1)
    return _paint(ramp, settings).reshape(length, 3)


# --- resampling ----------------------------------------------------------------------------------


def _sample(
    values: FloatMap,
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    interpolation: Interpolation,
) -> FloatMap:
    """Values at map coordinates: float32 (len(v), len(u)); constant beyond the outer centres."""
    rows, columns = values.shape
    if interpolation == "grid":
        row = np.clip(np.floor(v), 0, rows - 1).astype(np.intp)
        column = np.clip(np.floor(u), 0, columns - 1).astype(np.intp)
        return values[row[:, None], column[None, :]]
    across = _linear(values.T, u).T
    return _linear(np.ascontiguousarray(across), v)


def _linear(values: FloatMap, at: NDArray[np.float64]) -> FloatMap:
    """Linear interpolation along the first axis, whose entry i is at i + 0.5."""
    last = values.shape[0] - 1
    place = np.clip(at - 0.5, 0.0, last)
    lower = np.floor(place).astype(np.intp)
    upper = np.minimum(lower + 1, last)
    weight = (place - lower).astype(np.float32)[:, None]
    below = values[lower]
    between: FloatMap = below + (values[upper] - below) * weight
    return between


def colorize(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    share: float = 1.0,
) -> Pixels:
    """The map as colours, filling an image of size (width, height): uint8 (height, width, 3), RGB.

    part: the part of the map, as fractions (left, top, right, bottom). share: as share_of says of
    its explanation. An image of the whole map
    with fewer pixels than cells shows their means. Opacity is not used here.
    """
    width, height = size
    rows, columns = map.shape
    left, top, right, bottom = part
    values = _normalise(map, settings, share)
    whole = part == (0.0, 0.0, 1.0, 1.0)
    if whole and width <= columns and height <= rows:
        if (height, width) != (rows, columns):
            values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    else:
        u = (left + (np.arange(width) + 0.5) / width * (right - left)) * columns
        v = (top + (np.arange(height) + 0.5) / height * (bottom - top)) * rows
        values = _sample(values, u, v, settings.interpolation)
    return _paint(values, settings)


# --- placing -------------------------------------------------------------------------------------


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

    Works in bands, so that an image of 100 megapixels needs only a few additional megabytes.
    """
    if settings.opacity <= 0.0:
        return
    region = explanation.region
    left, top, right, bottom = covered(region, (pixels.shape[1], pixels.shape[0]))
    if right <= left or bottom <= top:
        return
    values = _normalise(explanation.map, settings, share_of(explanation))
    rows, columns = values.shape
    u = (np.arange(left, right) + 0.5 - region.x) / region.width * columns
    alpha = min(settings.opacity, 1.0)
    step = max(1, _BAND_PIXELS // (right - left))
    for start in range(top, bottom, step):
        end = min(start + step, bottom)
        v = (np.arange(start, end) + 0.5 - region.y) / region.height * rows
        colors = _paint(_sample(values, u, v, settings.interpolation), settings)
        band = pixels[start:end, left:right]
        band[:] = cv2.addWeighted(np.ascontiguousarray(band), 1.0 - alpha, colors, alpha, 0.0)


def blend(pixels: Pixels, explanation: Explanation, settings: DisplaySettings) -> Pixels:
    """The image with the map blended in: a new uint8 (H, W, 3), at the image's own resolution.

    pixels: the original, RGB. Inside the explained region every pixel becomes
    (1 - opacity) x original + opacity x colour; outside it, and everywhere at opacity 0, the result
    equals the original bit for bit.
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
