"""What is said of a group of images: its region, whether images of other classes are judged by it
as well, the labels in it, and the flags that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.folders.figures import energies
from engine.folders.index.queries import Index
from engine.folders.index.where import Selection
from engine.progress import CancelToken

REGION = 0.10
"""Share of the map's cells that make up a cluster's region."""

FIXED, APART = 0.6, 0.8
RARE, PURE = 0.05, 0.8
SEPARATE, MIXED = 0.3, 0.6

FLAGS = {
    "fixed place": "its images are judged by one place, which images of other classes are not",
    "rare": "a small group of one label, or one that is judged by a place of its own",
    "mixed labels": "images of several labels are judged by the same thing",
}
"""What each flag says."""


def flags_of(
    size: int,
    whole: int,
    purity: float | None,
    focus: float,
    apart: float | None,
    silhouette: float,
) -> tuple[str, ...]:
    """The flags of a group of size images, of the whole class; its figures as Cluster has them."""
    flags = []
    own_place = apart is not None and apart >= APART
    if own_place and focus >= FIXED:
        flags.append("fixed place")
    if size < RARE * whole and (own_place or (purity is not None and purity >= PURE)):
        flags.append("rare")
    if purity is not None and silhouette >= SEPARATE and purity < MIXED:
        flags.append("mixed labels")
    return tuple(flags)


def region_of(mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The strongest cells of a mean map, REGION of all."""
    count = max(1, round(REGION * mean.size))
    region = np.zeros(mean.size, bool)
    region[np.argsort(-mean.ravel(), kind="stable")[:count]] = True
    return region.reshape(mean.shape)


def focus_of(mean: NDArray[np.float64], region: NDArray[np.bool_]) -> float:
    """The share of a mean map's energy in the region."""
    return float(mean.ravel()[region.ravel()].sum())


def apart_of(
    index: Index,
    job: int,
    others: Selection,
    target: int,
    grid: tuple[int, int],
    regions: Sequence[tuple[NDArray[np.bool_], float]],
    cancel: CancelToken | None,
) -> list[float | None]:
    """For each region, how much more often images of the class look there than others do: 0.5 for
    alike, 1 for never; None without others. regions: each with its focus.

    An image looks there if at least half as much of its energy is inside as of the mean map's.
    Rates are bounded by their 95 % confidence (Wilson 1927), against small numbers.
    """
    inputs, predicted = index.column(job, "prediction", others)
    own_class = inputs[predicted == target]
    masks = np.array([region.ravel() for region, _ in regions], np.float64)
    enough = np.array([focus / 2 for _, focus in regions])
    hits = np.zeros((2, len(regions)), np.int64)
    counts = [0, 0]
    for numbers, maps in index.stacks(job, others):
        if cancel is not None:
            cancel.raise_if_cancelled()
        if maps.shape[1:] != grid:
            continue
        shares, kept = energies(maps)
        looks = shares.reshape(len(shares), grid[0] * grid[1]) @ masks.T >= enough
        numbers = numbers[kept]
        own = np.isin(numbers, own_class)
        for mine, rows in ((0, np.isin(numbers, inputs) & ~own), (1, own)):
            counts[mine] += int(rows.sum())
            hits[mine] += looks[rows].sum(axis=0)
    if not counts[0]:
        return [None] * len(regions)
    apart: list[float | None] = []
    for place in range(len(regions)):
        inside = _bounds(int(hits[1, place]), counts[1])[0]
        outside = _bounds(int(hits[0, place]), counts[0])[1]
        apart.append(inside / (inside + outside))
    return apart


def _bounds(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Confidence bounds of a rate."""
    if not count:
        return 0.0, 1.0
    rate, spare = hits / count, z * z / count
    middle = (rate + spare / 2) / (1 + spare)
    half = z / (1 + spare) * math.sqrt(rate * (1 - rate) / count + spare / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def purity_of(index: Index, job: int, numbers: NDArray[np.int64]) -> tuple[float | None, str]:
    """Share and name of the most frequent label."""
    found = index.distinct(job, "label", Selection(numbers=tuple(numbers.tolist())))
    named = [(label, count) for label, count in found if label]
    if not named:
        return None, ""
    label, count = max(named, key=lambda pair: pair[1])
    return count / sum(n for _, n in named), str(label)


def mean_of(index: Index, job: int, name: str, numbers: NDArray[np.int64]) -> float:
    """The mean of a figure of the images; NaN without any."""
    _, values = index.column(job, name, Selection(numbers=tuple(numbers.tolist())))
    return float(values.mean()) if len(values) else math.nan
