"""The values of a map on their colour scale: where the scale ends, what is shown, and in between.

Values become places on the scale in this order: sign (ReLU), division by the magnitude at the
scale's end, resampling, gamma. The scale ends at the largest magnitude; for the methods that map
the pixels of the input, whose largest values are a few lone pixels, at one that all but 0.5 % of
the pixels keep within.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.methods.registry import METHODS, Family
from engine.records.display import DisplaySettings, Interpolation
from engine.records.explanations import Explanation, FloatMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEAK = 0.05
"""A map is weak if the shown values reach less than this fraction of its largest magnitude."""

_PIXEL_SHARE = 0.995
"""Of the pixels of a map of the input, how many keep within the colour scale."""

_OF_PIXELS = frozenset(method.slug for method in METHODS if method.family is Family.PIXEL)


def finite(map: FloatMap) -> FloatMap:
    """The map as float32, with zero for what is not a finite number."""
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
    values = finite(map)
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


def is_blank(map: FloatMap, settings: DisplaySettings) -> bool:
    """Whether these settings show nothing, because no value has the chosen sign."""
    return value_range(map, replace(settings, end=None))[1] == 0.0


def nothing_words(map: FloatMap, settings: DisplaySettings) -> str:
    """What a map lacks that shows nothing, as in 'nothing positive'; '' if it shows something."""
    if not is_blank(map, settings):
        return ""
    return "zero everywhere" if settings.sign == "signed" else f"nothing {settings.sign}"


def shown_part(map: FloatMap, settings: DisplaySettings) -> float:
    """The largest shown magnitude, as a fraction (0 to 1) of the map's largest magnitude.

    0 for a map that is zero everywhere. Colours do not reveal it, since they always span the shown
    range. Where the scale ends does not matter.
    """
    values = finite(map).astype(np.float64)
    largest = float(np.abs(values).max(initial=0.0))
    return abs(value_range(map, replace(settings, end=None))[1]) / largest if largest else 0.0


def is_weak(map: FloatMap, settings: DisplaySettings) -> bool:
    """Whether these settings show something, but less than WEAK of the map's largest magnitude.

    This is the case if the positive part of an almost entirely negative map is shown, or vice
    versa.
    """
    return 0.0 < shown_part(map, settings) < WEAK


def normalised(map: FloatMap, settings: DisplaySettings, share: float) -> FloatMap:
    """Values scaled to -1 to 1 (signed) or 0 to 1 (one sign), without gamma; 0 for a blank map."""
    values = finite(map)
    end = value_range(values, settings, share)[1]
    if end == 0.0:
        return np.zeros_like(values)
    # In double precision, since a subnormal maximum overflows a float32 quotient.
    scaled = values.astype(np.float64) / end
    low = -1.0 if settings.sign == "signed" else 0.0
    return np.clip(scaled, low, 1.0).astype(np.float32)


def strength(values: FloatMap, settings: DisplaySettings) -> FloatMap:
    """How far from zero normalised values are on the scale: 0 to 1, with gamma."""
    size = np.abs(values) if settings.sign == "signed" else values
    return size if settings.gamma == 1.0 else np.power(size, np.float32(settings.gamma))


def placed(values: FloatMap, settings: DisplaySettings) -> FloatMap:
    """Places of normalised values on the colour table, 0 to 1; signed, zero is at 0.5."""
    far = strength(values, settings)
    if settings.sign != "signed":
        return far
    return np.copysign(far, values) * np.float32(0.5) + np.float32(0.5)


def scale(map: FloatMap, settings: DisplaySettings, share: float = 1.0) -> FloatMap:
    """The position of each cell on the colour table: float32, shape of map, 0 to 1, never NaN.

    positive: relu(map) / max. negative: relu(-map) / max(-map). signed: 0.5 + map / (2 max|map|).
    Gamma is the exponent of the quotient (of its magnitude, if signed). A map with nothing to show
    is 0 everywhere (signed: 0.5). share: below 1, the scale ends where value_range says, in place
    of the maximum, and what goes beyond is at its end.
    """
    return placed(normalised(map, settings, share), settings)


def sampled(
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
    # In place: a picture of the map has a million of them.
    between: FloatMap = values[upper]
    between -= below
    between *= weight
    between += below
    return between
