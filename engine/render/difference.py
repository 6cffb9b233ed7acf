"""The difference of two maps, and numbers that say how alike they are: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import Region

TOP = 0.2
"""The share of the cells whose overlap is counted: those with the highest values."""

_MOST_SIDE = 512


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """One map minus another, over the part of the image that both cover.

    map: float32 on a grid as fine as the finer of both. correlation: Pearson's, NaN where a map is
    the same everywhere. overlap: intersection over union of the TOP share of both, 0 to 1.
    """

    map: FloatMap
    region: Region
    correlation: float
    overlap: float


def difference(first: Explanation, second: Explanation) -> Difference | None:
    """The first map minus the second; None where they have no part of an image in common.

    Both are taken at the same places, as fractions of their images, so that two images of different
    sizes can be compared; a value between the centres of cells is linear between theirs.
    """
    region = _common(first, second)
    if region is None:
        return None
    rows, columns = (
        min(_MOST_SIDE, max(a, b)) for a, b in zip(first.map.shape, second.map.shape, strict=True)
    )
    one, other = (_sampled(found, region, rows, columns) for found in (first, second))
    width, height = first.image_size
    place = Region(
        region.x * width, region.y * height, region.width * width, region.height * height
    )
    return Difference(one - other, place, correlation(one, other), overlap(one, other))


def correlation(first: FloatMap, second: FloatMap) -> float:
    """Pearson's correlation of the values of two maps of one shape; NaN where one is constant."""
    one, other = (np.asarray(map, np.float64).ravel() for map in (first, second))
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum() / scale) if scale > 0.0 else float("nan")


def overlap(first: FloatMap, second: FloatMap) -> float:
    """Intersection over union of the TOP share of the cells with the highest values of each map,
    0 to 1. Of equal values, those that come first in the rows count."""
    count = max(1, round(TOP * first.size))
    chosen = [
        set(np.argsort(-map, axis=None, kind="stable")[:count].tolist()) for map in (first, second)
    ]
    return len(chosen[0] & chosen[1]) / len(chosen[0] | chosen[1])


def _fractions(found: Explanation) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the region, as fractions of the image."""
    width, height = found.image_size
    region = found.region
    right, bottom = region.x + region.width, region.y + region.height
    return region.x / width, region.y / height, right / width, bottom / height


def _common(first: Explanation, second: Explanation) -> Region | None:
    one, other = _fractions(first), _fractions(second)
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    if right <= left or bottom <= top:
        return None
    return Region(left, top, right - left, bottom - top)


def _sampled(found: Explanation, part: Region, rows: int, columns: int) -> FloatMap:
    left, top, right, bottom = _fractions(found)
    high, wide = found.map.shape
    x = part.x + (np.arange(columns) + 0.5) / columns * part.width
    y = part.y + (np.arange(rows) + 0.5) / rows * part.height
    u = (x - left) / (right - left) * wide - 0.5
    v = (y - top) / (bottom - top) * high - 0.5
    grid_u, grid_v = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    values = np.ascontiguousarray(found.map, np.float32)
    sampled: FloatMap = cv2.remap(
        values, grid_u, grid_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled
