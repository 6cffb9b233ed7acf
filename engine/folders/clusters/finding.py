"""Clusters of a folder: per predicted class, what the network looked at, as groups of images.

Each group has its mean map, the labels in it, and flags where it looks like a shortcut: a fixed
place that images of other classes are not judged by. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.folders.clusters import spectral
from engine.folders.figures import energies
from engine.folders.index.queries import Index
from engine.folders.index.where import Selection, Where
from engine.progress import CancelToken, Report, ignore_progress

MOST_AT_ONCE = 5_000
"""Images of a class that are clustered; of more, a sample is, and the others go to the nearest
mean map."""

LEAST = 20
"""Images of a class below which it is one cluster."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Images of one predicted class that were judged by about the same place.

    target: the predicted class, label: its name. number: from 0, the largest first. inputs: the
    images, int64 (size,). purity: share of the most frequent label (common) among those with one,
    None without labels. mean: float32 (rows, columns) with the sum 1; region: its strongest cells,
    bool. focus: share of the mean map's energy in the region. apart: how much more often images
    of this class look there than others do, 0.5 for alike and 1 for never (a lower bound); None
    without other classes. silhouette: mean, -1 to 1. flags: of FLAGS. points: float64 (size, 2).
    corners, border: mean of the figures.
    """

    target: int
    label: str
    number: int
    inputs: NDArray[np.int64]
    purity: float | None
    common: str
    mean: NDArray[np.float32]
    region: NDArray[np.bool_]
    focus: float
    apart: float | None
    silhouette: float
    flags: tuple[str, ...]
    points: NDArray[np.float64]
    corners: float
    border: float

    @property
    def size(self) -> int:
        return len(self.inputs)


def clusters_of(
    index: Index,
    job: int,
    target: int | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> list[Cluster]:
    """The clusters of one predicted class, or of all, the classes in their order.

    Images without a map, or with nothing positive in it, are left out. Raises Cancelled.
    """
    found = index.distinct(job, "prediction")
    present = sorted(int(one) for one, _ in found if one is not None)
    wanted = present if target is None else [one for one in present if one == target]
    clusters: list[Cluster] = []
    for place, one in enumerate(wanted):
        progress(place / len(wanted), f"clusters of class {one}")
        clusters += _of_class(index, job, one, cancel)
    return clusters


def grid_of(index: Index, job: int, selection: Selection) -> tuple[int, int] | None:
    """The most frequent grid of the maps of a selection."""
    found = index.grids(job, selection)
    return found[0][0] if found else None


def _of_class(index: Index, job: int, target: int, cancel: CancelToken | None) -> list[Cluster]:
    own = Selection((Where("prediction", among=(target,)), Where("border", low=0.0)))
    grid = grid_of(index, job, own)
    if grid is None:
        return []
    numbers, maps, rest = _sampled(index, job, own, grid, cancel)
    points, labels, quality = _clustered(maps, cancel)
    means = _means(maps, labels)
    groups = [numbers[labels == one] for one in range(len(means))]
    places = [points[labels == one] for one in range(len(means))]
    if len(rest):
        groups, places, means = _with_rest(
            index, job, rest, grid, (maps, points, labels), (groups, places, means), cancel
        )
    order = sorted(range(len(groups)), key=lambda one: -len(groups[one]))
    _, about = index.job(job)
    whole = sum(map(len, groups))
    others = Selection((Where("border", low=0.0),))
    regions = [_region(means[one].reshape(grid)) for one in order]
    looking = _looking(
        index,
        job,
        others,
        target,
        grid,
        [(r, _focus(means[o], r)) for r, o in zip(regions, order, strict=True)],
        cancel,
    )
    clusters = []
    for place, one in enumerate(order):
        purity, common = _purity(index, job, groups[one])
        mean = means[one].reshape(grid)
        focus = _focus(means[one], regions[place])
        silhouette = float(quality[labels == one].mean()) if (labels == one).any() else 0.0
        apart = looking[place]
        figures = [_mean(index, job, name, groups[one]) for name in ("corners", "border")]
        clusters.append(
            Cluster(
                target,
                about.classes[target],
                place,
                groups[one],
                purity,
                common,
                mean.astype(np.float32),
                regions[place],
                focus,
                apart,
                silhouette,
                _flags(len(groups[one]), whole, purity, focus, apart, silhouette),
                places[one],
                figures[0],
                figures[1],
            )
        )
    return clusters


def _flags(
    size: int,
    whole: int,
    purity: float | None,
    focus: float,
    apart: float | None,
    silhouette: float,
) -> tuple[str, ...]:
    flags = []
    own_place = apart is not None and apart >= APART
    if own_place and focus >= FIXED:
        flags.append("fixed place")
    if size < RARE * whole and (own_place or (purity is not None and purity >= PURE)):
        flags.append("rare")
    if purity is not None and silhouette >= SEPARATE and purity < MIXED:
        flags.append("mixed labels")
    return tuple(flags)


# --- maps -----------------------------------------------------------------------------------


def _sampled(
    index: Index, job: int, own: Selection, grid: tuple[int, int], cancel: CancelToken | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Inputs and their maps, (n, cells) with the sum 1 each, and the inputs that are left over."""
    numbers = index.numbers(job, own)
    rest = numbers[:0]
    if len(numbers) > MOST_AT_ONCE:
        chosen = np.random.default_rng(0).permutation(len(numbers))
        rest = numbers[np.sort(chosen[MOST_AT_ONCE:])]
        numbers = numbers[np.sort(chosen[:MOST_AT_ONCE])]
    kept, maps = _maps_of(index, job, numbers, grid, cancel)
    return kept, maps, rest


def _maps_of(
    index: Index,
    job: int,
    numbers: NDArray[np.int64],
    grid: tuple[int, int],
    cancel: CancelToken | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    known = [np.zeros(0, np.int64)]
    found = [np.zeros((0, grid[0] * grid[1]))]
    for own, maps in index.stacks(job, Selection(numbers=tuple(numbers.tolist()))):
        if cancel is not None:
            cancel.raise_if_cancelled()
        if maps.shape[1:] == grid:
            shares, kept = energies(maps)
            known.append(own[kept])
            found.append(shares.reshape(len(shares), -1))
    return np.concatenate(known), np.concatenate(found)


def _clustered(
    maps: NDArray[np.float64], cancel: CancelToken | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Points (n, 2), clusters (n,) and silhouettes (n,) of the maps (n, cells)."""
    count = len(maps)
    if count < LEAST:
        points = np.zeros((count, 2))
        return points, np.zeros(count, np.int64), np.zeros(count)
    places, values = spectral.embedding(spectral.affinity(maps, cancel=cancel), cancel=cancel)
    clusters = spectral.count_by_gap(values)
    leading = places[:, :clusters]
    labels = spectral.k_means(leading, clusters, cancel)
    # The first is the same for all points of a connected graph, and tells nothing.
    return places[:, 1:3], labels, spectral.silhouettes(leading, labels, cancel)


def _means(maps: NDArray[np.float64], labels: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    return [maps[labels == one].mean(axis=0) for one in range(int(labels.max()) + 1)]


def _with_rest(
    index: Index,
    job: int,
    rest: NDArray[np.int64],
    grid: tuple[int, int],
    known: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
    found: tuple[list[NDArray[np.int64]], list[NDArray[np.float64]], list[NDArray[np.float64]]],
    cancel: CancelToken | None,
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """The groups, points and mean maps with the images that were not sampled: each goes to the
    nearest mean map, and is drawn where the nearest sampled image of that group is."""
    maps, points, labels = known
    groups, places, means = found
    centres = np.array(means)
    sums = [mean * len(group) for mean, group in zip(means, groups, strict=True)]
    for start in range(0, len(rest), MOST_AT_ONCE):
        numbers, piece = _maps_of(index, job, rest[start : start + MOST_AT_ONCE], grid, cancel)
        near = spectral.squared(piece, centres).argmin(axis=1)
        for one in range(len(groups)):
            mine = piece[near == one]
            if not len(mine):
                continue
            sampled = labels == one
            twin = spectral.squared(mine, maps[sampled]).argmin(axis=1)
            groups[one] = np.concatenate([groups[one], numbers[near == one]])
            places[one] = np.concatenate([places[one], points[sampled][twin]])
            sums[one] = sums[one] + mine.sum(axis=0)
    return groups, places, [total / len(group) for total, group in zip(sums, groups, strict=True)]


def _region(mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The strongest cells of a mean map, REGION of all."""
    count = max(1, round(REGION * mean.size))
    region = np.zeros(mean.size, bool)
    region[np.argsort(-mean.ravel(), kind="stable")[:count]] = True
    return region.reshape(mean.shape)


def _focus(mean: NDArray[np.float64], region: NDArray[np.bool_]) -> float:
    return float(mean.ravel()[region.ravel()].sum())


# --- what is in a cluster -------------------------------------------------------------------


def _looking(
    index: Index,
    job: int,
    others: Selection,
    target: int,
    grid: tuple[int, int],
    regions: Sequence[tuple[NDArray[np.bool_], float]],
    cancel: CancelToken | None,
) -> list[float | None]:
    """For each region, how much more often images of the class look there than others do.

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
        looks = shares.reshape(len(shares), -1) @ masks.T >= enough
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


def _purity(index: Index, job: int, numbers: NDArray[np.int64]) -> tuple[float | None, str]:
    """Share and name of the most frequent label."""
    found = index.distinct(job, "label", Selection(numbers=tuple(numbers.tolist())))
    named = [(label, count) for label, count in found if label]
    if not named:
        return None, ""
    label, count = max(named, key=lambda pair: pair[1])
    return count / sum(n for _, n in named), str(label)


def _mean(index: Index, job: int, name: str, numbers: NDArray[np.int64]) -> float:
    _, values = index.column(job, name, Selection(numbers=tuple(numbers.tolist())))
    return float(values.mean()) if len(values) else math.nan
