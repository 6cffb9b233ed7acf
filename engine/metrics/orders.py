"""Orders in which cells are hidden, and what the curves that come of them are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.agreement import averaged
from engine.metrics.alone import Doubles
from engine.records.explanations import FloatMap
from engine.records.workbench.trust import measured

Order = NDArray[np.intp]
"""(cells,): indices of cells, row by row, the first to go first."""


def cells_of(map: FloatMap | Doubles, most: int) -> Doubles:
    """The map on a grid of at most `most` cells along each side."""
    rows, columns = map.shape
    return averaged(map, min(rows, most), min(columns, most))


def order_of(values: Doubles, seed: int) -> Order:
    """The cells by falling value. Equal ones come in random order, since the order of the rows
    would remove the zeros of a sparse map from the top down."""
    flat = values.ravel()
    ties = np.random.default_rng(seed).random(flat.size)
    return np.lexsort((ties, -flat))


def random_orders(cells: int, count: int, seed: int) -> list[Order]:
    """Orders without any information. Equal arguments give equal ones."""
    generator = np.random.default_rng((seed, 1))
    return [generator.permutation(cells).astype(np.intp) for _ in range(count)]


def counts_for(cells: int, steps: int) -> tuple[int, ...]:
    """How many cells are hidden at each point of a curve: from none to all, about evenly."""
    points = np.linspace(0, cells, min(steps, cells) + 1)
    return tuple(sorted({round(float(point)) for point in points}))


def area(x: Sequence[float], y: Sequence[float]) -> float:
    """Under a curve, by trapezoids, over the length of x: the mean of y."""
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return float(((ys[1:] + ys[:-1]) / 2 * np.diff(xs)).sum() / (xs[-1] - xs[0]))


# Spreads from which on a gain is clear: of an order that is ahead of some random ones only, and of
# one that is ahead of all. Where a single cell decides, random orders differ as much as they can,
# and the best order there is leads by less than two of their spreads.
_CLEAR, _CLEAR_OF_ALL = 2.0, 1.5


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better than random orders: positive is better. spread: their standard deviation.
    beyond: whether it is better, or worse, than every one of them."""

    value: float
    spread: float
    beyond: bool

    @property
    def words(self) -> str:
        """Better, worse, or neither clearly; with the numbers."""
        least = self.spread * (_CLEAR_OF_ALL if self.beyond else _CLEAR)
        numbers = measured(abs(self.value), self.spread)
        if self.value > least:
            return f"better than random order by {numbers}"
        if self.value < -least:
            return f"worse than random order by {numbers}"
        return f"not clearly better than random order ({measured(self.value, self.spread)})"


def gain_over(own: float, random: Sequence[float], *, high: bool) -> Gain:
    """high: whether a high value is the better one."""
    others = np.asarray(random, np.float64)
    far = own - float(others.mean())
    beyond = bool((others < own).all() or (others > own).all())
    return Gain(far if high else -far, float(others.std(ddof=1)), beyond)
