"""Clusters of a folder: per predicted class, what the network looked at, as groups of images.

Each group has its mean map, the labels in it, and flags where it looks like a shortcut: a fixed
place that images of other classes are not judged by. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.folders.clusters import grouping, judging, spectral
from engine.folders.figures import energies
from engine.folders.index.queries import Index
from engine.folders.index.where import Selection, Where
from engine.progress import CancelToken, Report, ignore_progress

MOST_AT_ONCE = 5_000
"""Images of a class that are clustered; of more, a sample is, and the others go to the nearest
mean map."""

LEAST = 20
"""Images of a class below which it is one cluster."""

_EQUAL = 1e-6
"""Largest difference of cells below which maps with the sum 1 are the same but for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Images of one predicted class that were judged by about the same place.

    target: the predicted class, label: its name. number: from 0, the largest first. inputs: the
    images, int64 (size,). purity: share of the most frequent label (common) among those with one,
    None without labels. mean: float32 (rows, columns) with the sum 1; region: its strongest cells,
    bool. focus: share of the mean map's energy in the region. apart: how much more often images
    of this class look there than others do, 0.5 for alike and 1 for never (a lower bound); None
    without other classes. silhouette: mean, -1 to 1. flags: of judging.FLAGS. points: float64
    (size, 2). corners, border: mean of the figures.
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


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """inputs: int64 (size,). points: float64 (size, 2). mean: of its maps, float64 (cells,) with
    the sum 1. silhouette: mean of those that were sampled."""

    inputs: NDArray[np.int64]
    points: NDArray[np.float64]
    mean: NDArray[np.float64]
    silhouette: float


def _of_class(index: Index, job: int, target: int, cancel: CancelToken | None) -> list[Cluster]:
    own = Selection((Where("prediction", among=(target,)), Where("border", low=0.0)))
    grid = grid_of(index, job, own)
    if grid is None:
        return []
    groups = _groups(index, job, own, grid, cancel)
    if not groups:
        return []
    regions = [judging.region_of(group.mean.reshape(grid)) for group in groups]
    focus = [
        judging.focus_of(one.mean, region) for one, region in zip(groups, regions, strict=True)
    ]
    looked = list(zip(regions, focus, strict=True))
    others = Selection((Where("border", low=0.0),))
    apart = judging.apart_of(index, job, others, target, grid, looked, cancel)
    whole = sum(len(group.inputs) for group in groups)
    label = index.job(job)[1].classes[target]
    clusters = []
    for number, group in enumerate(groups):
        purity, common = judging.purity_of(index, job, group.inputs)
        about = purity, focus[number], apart[number], group.silhouette
        clusters.append(
            Cluster(
                target=target,
                label=label,
                number=number,
                inputs=group.inputs,
                purity=purity,
                common=common,
                mean=group.mean.reshape(grid).astype(np.float32),
                region=regions[number],
                focus=focus[number],
                apart=apart[number],
                silhouette=group.silhouette,
                flags=judging.flags_of(len(group.inputs), whole, *about),
                points=group.points,
                corners=judging.mean_of(index, job, "corners", group.inputs),
                border=judging.mean_of(index, job, "border", group.inputs),
            )
        )
    return clusters


def _groups(
    index: Index, job: int, own: Selection, grid: tuple[int, int], cancel: CancelToken | None
) -> list[_Group]:
    """The groups of a selection's images, the largest first."""
    numbers, maps, rest = _sampled(index, job, own, grid, cancel)
    if not len(numbers):
        # Large maps are averaged for the index, and nothing positive may be left of one.
        return []
    points, labels, quality = _clustered(maps, cancel)
    means = _means(maps, labels)
    inputs = [numbers[labels == one] for one in range(len(means))]
    places = [points[labels == one] for one in range(len(means))]
    silhouettes = [float(quality[labels == one].mean()) for one in range(len(means))]
    if len(rest):
        inputs, places, means = _with_rest(
            index, job, rest, grid, (maps, points, labels), (inputs, places, means), cancel
        )
    found = map(_Group, inputs, places, means, silhouettes)
    return sorted(found, key=lambda group: -len(group.inputs))


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
            found.append(shares.reshape(len(shares), grid[0] * grid[1]))
    return np.concatenate(known), np.concatenate(found)


def _clustered(
    maps: NDArray[np.float64], cancel: CancelToken | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Points (n, 2), clusters (n,) and silhouettes (n,) of the maps (n, cells)."""
    count = len(maps)
    # Of equal maps, which are the neighbours is a matter of chance.
    if count < LEAST or np.ptp(maps, axis=0).max() < _EQUAL:
        points = np.zeros((count, 2))
        return points, np.zeros(count, np.int64), np.zeros(count)
    places, values = spectral.embedding(spectral.affinity(maps, cancel=cancel), cancel=cancel)
    clusters = spectral.count_by_gap(values)
    leading = places[:, :clusters]
    labels = grouping.k_means(leading, clusters, cancel)
    # The first is the same for all points of a connected graph, and tells nothing.
    return places[:, 1:3], labels, grouping.silhouettes(leading, labels, cancel)


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
        near = grouping.squared(piece, centres).argmin(axis=1)
        for one in range(len(groups)):
            mine = piece[near == one]
            if not len(mine):
                continue
            sampled = labels == one
            twin = grouping.squared(mine, maps[sampled]).argmin(axis=1)
            groups[one] = np.concatenate([groups[one], numbers[near == one]])
            places[one] = np.concatenate([places[one], points[sampled][twin]])
            sums[one] = sums[one] + mine.sum(axis=0)
    return groups, places, [total / len(group) for total, group in zip(sums, groups, strict=True)]
