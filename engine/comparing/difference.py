"""What two maps differ by: their difference, their correlation, and how far their tops overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import HookscopeError
from engine.records.explanations import Explanation, FloatMap, Verdict
from engine.records.images import Region

_Doubles: TypeAlias = NDArray[np.float64]

TOP = 0.2
"""The part of the cells that counts as the top of a map."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """The first of two maps minus the second.

    map: signed float32 (rows, columns), over region of the image. correlation: Pearson's, over the
    cells; None where one of the maps is the same everywhere. overlap: intersection over union of
    the top 20 % of the cells of each, 0 to 1; None likewise. scaled: whether each map was divided
    by its largest magnitude first.
    """

    map: FloatMap
    region: Region
    correlation: float | None
    overlap: float | None
    scaled: bool

    @property
    def facts(self) -> dict[str, Any]:
        """Its numbers, for JSON."""
        region = self.region
        return {
            "min": float(self.map.min()),
            "max": float(self.map.max()),
            "shape": list(self.map.shape),
            "region": [region.x, region.y, region.width, region.height],
            "scaled": self.scaled,
            "correlation": self.correlation,
            "iou_top_20": self.overlap,
        }


def difference(first: Explanation, second: Explanation, *, scaled: bool = False) -> Difference:
    """The difference of two maps of images of one size, such as one image by two models.

    Maps on one grid are subtracted cell by cell. Otherwise both are sampled, linearly between the
    centres of their cells, at the centres of a grid over what both of them cover, whose cells are
    as small as the smaller of theirs. scaled: divide each map by its largest magnitude, for values
    in different units. Raises HookscopeError for images of different sizes, and for regions that do
    not overlap.
    """
    if first.image_size != second.image_size:
        sizes = " and ".join("{} x {}".format(*one.image_size) for one in (first, second))
        raise HookscopeError(
            f"a difference is of images of one size, and these are {sizes}; name one image"
        )
    region, one, other = _on_one_grid(first, second)
    if scaled:
        one, other = _scaled(one), _scaled(other)
    found = (one - other).astype(np.float32)
    return Difference(found, region, correlation(one, other), overlap(one, other), scaled)


def explanation_of(found: Difference, first: Explanation, second: Explanation) -> Explanation:
    """The difference in the form of a map, to be drawn as one."""
    names = _names(first), _names(second)
    verdict = Verdict.OK if found.map.any() else Verdict.NO_EFFECT
    return replace(
        first,
        map=found.map,
        region=found.region,
        verdict=verdict,
        notices=(),
        subject=f"{names[0]} minus {names[1]}",
        signs=(f"more in {names[0]}", f"more in {names[1]}"),
    )


def correlation(first: FloatMap | _Doubles, second: FloatMap | _Doubles) -> float | None:
    """Pearson's correlation of the cells of two maps of one shape; None if one is constant."""
    one, other = (_centred(map) for map in (first, second))
    size = math.sqrt(float((one * one).sum()) * float((other * other).sum()))
    if size == 0.0:
        return None
    return min(1.0, max(-1.0, float((one * other).sum()) / size))


def overlap(
    first: FloatMap | _Doubles, second: FloatMap | _Doubles, part: float = TOP
) -> float | None:
    """Intersection over union of the cells with the highest values, this part of each map.

    Cells that are tied for the last places share them, so that no order of the cells is preferred:
    the sums of the lesser and of the greater share are divided. None if a map is constant.
    """
    shares = [_top(np.asarray(map, np.float64).ravel(), part) for map in (first, second)]
    if any(share is None for share in shares):
        return None
    one, other = shares
    assert one is not None
    assert other is not None
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def _top(values: _Doubles, part: float) -> _Doubles | None:
    """How much of each cell is among the top: 1, 0, or for tied ones what is left for each."""
    if values.size == 0 or values.min() == values.max():
        return None
    count = max(1, round(part * values.size))
    least = np.partition(values, values.size - count)[values.size - count]
    above, tied = values > least, values == least
    shares: _Doubles = np.where(above, 1.0, np.where(tied, (count - above.sum()) / tied.sum(), 0.0))
    return shares


def _centred(map: FloatMap | _Doubles) -> _Doubles:
    values = np.asarray(map, np.float64)
    if values.size == 0 or values.min() == values.max():
        # Its mean would leave the rounding.
        return np.zeros_like(values)
    centred: _Doubles = values - values.mean()
    return centred


def _scaled(values: _Doubles) -> _Doubles:
    largest = float(np.abs(values).max(initial=0.0))
    return values / largest if largest else values


def _on_one_grid(first: Explanation, second: Explanation) -> tuple[Region, _Doubles, _Doubles]:
    a, b = first.region, second.region
    if a == b and first.map.shape == second.map.shape:
        return a, first.map.astype(np.float64), second.map.astype(np.float64)
    left, top = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.x + a.width, b.x + b.width), min(a.y + a.height, b.y + b.height)
    if left >= right or top >= bottom:
        raise HookscopeError(
            "the two maps cover no common part of the image; choose models that see the same of it"
        )
    region = Region(left, top, right - left, bottom - top)
    wide = min(one.region.width / one.map.shape[1] for one in (first, second))
    tall = min(one.region.height / one.map.shape[0] for one in (first, second))
    # A whole number of cells that is off by the rounding stays that number.
    columns = max(1, math.ceil(region.width / wide - 1e-6))
    rows = max(1, math.ceil(region.height / tall - 1e-6))
    x = region.x + (np.arange(columns) + 0.5) / columns * region.width
    y = region.y + (np.arange(rows) + 0.5) / rows * region.height
    return region, _sampled(first, x, y), _sampled(second, x, y)


def _sampled(explanation: Explanation, x: _Doubles, y: _Doubles) -> _Doubles:
    """The map's values at points of the image, constant beyond its outer centres."""
    region, map = explanation.region, explanation.map.astype(np.float64)
    rows, columns = map.shape
    across = _between(map.T, (x - region.x) / region.width * columns).T
    return _between(across, (y - region.y) / region.height * rows)


def _between(values: _Doubles, at: _Doubles) -> _Doubles:
    """Linear along the first axis, whose entry i is at i + 0.5."""
    last = values.shape[0] - 1
    place = np.clip(at - 0.5, 0.0, last)
    lower = np.floor(place).astype(np.intp)
    upper = np.minimum(lower + 1, last)
    weight = (place - lower)[:, None]
    between: _Doubles = values[lower] * (1.0 - weight) + values[upper] * weight
    return between


def _names(explanation: Explanation) -> str:
    return explanation.subject or explanation.target.label
