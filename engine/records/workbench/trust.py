"""Figures that say how far a map can be believed. Plain values, without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS = 5
"""Random orders beside a curve, at least."""


class Fill(StrEnum):
    """What takes the place of hidden cells in deletion and insertion. LINEAR: what surrounds them,
    which changes least of what the network is used to."""

    BLUR = "blur"
    MEAN = "mean"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class Curve:
    """A line, or bars. label: its name. axis: what y is, as in 'logit'; lines of one axis belong
    together. x, y: as many values of each. ticks: a name for each x where they are bars, else ().
    """

    label: str
    axis: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    ticks: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The curve, ready for JSON."""
        facts: dict[str, Any] = {
            "label": self.label,
            "axis": self.axis,
            "x": list(self.x),
            "y": list(self.y),
        }
        return facts | ({"ticks": list(self.ticks)} if self.ticks else {})


@dataclass(frozen=True, slots=True)
class TrustFigure:
    """One figure about one map.

    name: as in engine.metrics.table. value: None where it cannot be computed, and then verdict says
    why. spread: one standard deviation of what the value is compared with or averaged over; None
    for a figure without one. random: the same of random orders, or of a uniform map. curves: what
    it was read from. verdict: in words. unit: of value, spread and random. place: (x, y) on the
    original image, of a peak.
    """

    name: str
    title: str
    value: float | None
    verdict: str
    spread: float | None = None
    random: tuple[float, ...] = ()
    curves: tuple[Curve, ...] = ()
    unit: str = ""
    place: tuple[float, float] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The figure, ready for JSON."""
        facts: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "value": self.value,
            "spread": self.spread,
            "unit": self.unit,
            "random": list(self.random),
            "curve": [curve.facts for curve in self.curves],
            "verdict": self.verdict,
        }
        return facts | ({"place": list(self.place)} if self.place is not None else {})


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """How figures are computed. seed: of everything random. fill: what hides cells. orders: random
    orders, at least ORDERS. steps: points of a curve after its first. grid: cells along a side at
    most; a finer map is averaged to so many. threshold: of a map's maximum, above which a cell
    belongs to the box.
    """

    seed: int = 0
    fill: Fill = Fill.LINEAR
    orders: int = ORDERS
    steps: int = 16
    grid: int = 16
    threshold: float = 0.15


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the original image, in its pixels; fractional values are allowed. label: what
    is in it, '' if that is not known."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    def meets(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        tall = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        common = max(0.0, wide) * max(0.0, tall)
        union = self.area + other.area - common
        return common / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """What ought to be found in an image. mask: bool (height, width), at the image's size, None
    where there are boxes alone. source: where it is from, such as the file's name."""

    boxes: tuple[Box, ...] = ()
    mask: NDArray[np.bool_] | None = None
    source: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing at all is marked."""
        marked = self.mask is not None and bool(self.mask.any())
        return not marked and not any(box.area > 0 for box in self.boxes)


def percent(share: float) -> str:
    """A share as it stands in a sentence: '71 %'."""
    return f"{100 * share:.0f} %"


def said(value: float) -> str:
    """A number as it stands in a sentence: three digits, with a true minus."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}".replace("-", "−")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}" if digits else f"{value:,.0f}"
    return text.replace("-", "−")


def measured(value: float, spread: float) -> str:
    """'3.21 ± 0.64': the value to the last digit of its spread, which has two."""
    if not (math.isfinite(value) and math.isfinite(spread)) or spread <= 0:
        return said(value)
    digits = min(6, max(0, 1 - math.floor(math.log10(spread))))
    return f"{value:,.{digits}f} ± {spread:,.{digits}f}".replace("-", "−")
