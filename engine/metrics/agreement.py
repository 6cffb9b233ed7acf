"""How alike two maps order their cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from engine.metrics.alone import Doubles
from engine.records.explanations import FloatMap


def ranks(values: FloatMap | Doubles) -> Doubles:
    """(n,): the rank of each value from 0, equal ones the mean of theirs."""
    flat = np.asarray(values, np.float64).ravel()
    _, places, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Doubles = (ends - (counts + 1) / 2)[places]
    return found


def rank_correlation(first: FloatMap | Doubles, second: FloatMap | Doubles) -> float | None:
    """Spearman's, of two maps of one shape, -1 to 1; None where one of them is constant."""
    one, other = (ranks(map) for map in (first, second))
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return None if size == 0 else min(1.0, max(-1.0, float(one @ other) / size))


def averaged(map: FloatMap | Doubles, rows: int, columns: int) -> Doubles:
    """The map on a coarser grid: the mean of the values whose centres lie in each cell.

    rows, columns: at most the map's own, with which it is itself.
    """
    values = np.asarray(map, np.float64)
    cells = cells_on(values.shape[0], values.shape[1], rows, columns)
    sums = np.bincount(cells.ravel(), values.ravel(), rows * columns)
    found: Doubles = (sums / np.bincount(cells.ravel(), minlength=rows * columns)).reshape(
        rows, columns
    )
    return found


def cells_on(height: int, width: int, rows: int, columns: int) -> np.ndarray[tuple[int, int]]:
    """(height, width): in which cell of a grid of rows x columns each centre lies, row by row."""
    down = (2 * np.arange(height) + 1) * rows // (2 * height)
    across = (2 * np.arange(width) + 1) * columns // (2 * width)
    return np.asarray(down[:, None] * columns + across)


def among(maps: Sequence[FloatMap | Doubles]) -> list[float | None]:
    """The rank correlation of each pair, (0, 1), (0, 2), ...; on the coarsest grid of all of them.

    None for a pair of which one is constant there.
    """
    rows = min(map.shape[0] for map in maps)
    columns = min(map.shape[1] for map in maps)
    same = [averaged(map, rows, columns) for map in maps]
    return [rank_correlation(one, other) for one, other in combinations(same, 2)]


def sampled(map: FloatMap | Doubles, x: Doubles, y: Doubles) -> Doubles:
    """(len(y), len(x)): the map between the centres of its cells, linearly.

    x, y: parts of the sides, 0 to 1. Beyond the outer centres it is constant.
    """
    values = np.asarray(map, np.float64)
    rows, columns = values.shape
    return _between(_between(values, y * rows).T, x * columns).T


def _between(values: Doubles, at: Doubles) -> Doubles:
    """Linear along the first axis, whose entry i is at i + 0.5."""
    last = values.shape[0] - 1
    place = np.clip(at - 0.5, 0.0, last)
    lower = np.floor(place).astype(np.intp)
    weight = (place - lower)[:, None]
    found: Doubles = values[lower] * (1 - weight) + values[np.minimum(lower + 1, last)] * weight
    return found
