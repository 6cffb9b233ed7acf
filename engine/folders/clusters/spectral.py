"""Spectral clustering of maps, in numpy: neighbours, embedding, number of clusters, k-means.

As in SpRAy (arXiv 1902.10178): symmetric nearest neighbours, the normalised affinity, its leading
eigenvectors, the largest gap between their eigenvalues, k-means. Every step is seeded, so that the
same maps have the same clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.progress import CancelToken

Points = NDArray[np.float64]

NEIGHBOURS = 10
COMPONENTS = 32
FEWEST, MOST = 2, 10
"""Number of clusters."""

_BLOCK = 512
_DENSE = 1_000
"""Up to so many points all eigenvectors are computed; beyond, the leading ones alone."""
_SPARE = 16
_STEPS = 10
_ROUNDS = 40
_CONVERGED, _NEARLY = 1e-7, 1e-3
"""Of the residuals of the eigenvectors that may separate clusters, and of the others."""
STARTS = 24
_SWEEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Affinity:
    """A symmetric graph: 1 between points that are neighbours of each other, 1/2 where only one is.

    neighbours: int64 (n, k), of each point. order, starts: the points that have each point for a
    neighbour, in one list, and where those of a point begin.
    """

    neighbours: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    def times(self, values: Points) -> Points:
        """The affinity times (n, columns)."""
        found = values[self.neighbours[:, 0]].copy()
        for place in range(1, self.neighbours.shape[1]):
            found += values[self.neighbours[:, place]]
        given = values[self.order]
        sums = np.zeros((len(given) + 1, values.shape[1]))
        np.cumsum(given, axis=0, out=sums[1:])
        back = sums[self.starts[1:]] - sums[self.starts[:-1]]
        return np.asarray((found + back) / 2)

    def dense(self) -> Points:
        """float64 (n, n)."""
        count = len(self.neighbours)
        whole = np.zeros((count, count))
        np.put_along_axis(whole, self.neighbours, 1.0, axis=1)
        return (whole + whole.T) / 2


def affinity(
    points: Points, neighbours: int = NEIGHBOURS, cancel: CancelToken | None = None
) -> Affinity:
    """The graph of the nearest neighbours by Euclidean distance; points: (n, d), n above 1.

    Raises Cancelled.
    """
    count = len(points)
    most = min(neighbours, count - 1)
    found = np.empty((count, most), np.int64)
    for start in range(0, count, _BLOCK):
        if cancel is not None:
            cancel.raise_if_cancelled()
        far = squared(points[start : start + _BLOCK], points)
        rows = np.arange(len(far))
        far[rows, start + rows] = np.inf
        near = np.argpartition(far, most - 1, axis=1)[:, :most]
        found[start : start + len(far)] = near
    flat = found.ravel()
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(count + 1))
    return Affinity(found, order // most, starts)


def embedding(
    graph: Affinity, components: int = COMPONENTS, cancel: CancelToken | None = None
) -> tuple[Points, Points]:
    """(n, components) and the eigenvalues (components,), the largest first.

    The leading eigenvectors of D^-1/2 A D^-1/2, each divided by D^1/2. Raises Cancelled.
    """
    count = len(graph.neighbours)
    degrees = graph.times(np.ones((count, 1)))[:, 0]
    scale = 1 / np.sqrt(degrees)
    wanted = min(components, count)
    if count <= max(_DENSE, 2 * wanted):
        values, vectors = np.linalg.eigh(scale[:, None] * graph.dense() * scale)
        values, vectors = values[::-1][:wanted], vectors[:, ::-1][:, :wanted]
    else:
        values, vectors = _leading(graph, scale, wanted, cancel)
    found = vectors * scale[:, None]
    # The sign of an eigenvector is arbitrary: its largest component is positive.
    largest = np.abs(found).argmax(axis=0)
    found = found * np.sign(found[largest, np.arange(wanted)])
    return np.asarray(found), np.asarray(values)


def _leading(
    graph: Affinity, scale: Points, wanted: int, cancel: CancelToken | None
) -> tuple[Points, Points]:
    """Leading eigenpairs by block Krylov subspaces, restarted until they stand still."""
    rng = np.random.default_rng(0)
    count, width = len(scale), wanted + _SPARE

    def times(values: Points) -> Points:
        # Shifted by 1, so that the largest eigenvalues are the largest in magnitude as well.
        return scale[:, None] * graph.times(scale[:, None] * values) + values

    block = np.linalg.qr(rng.standard_normal((count, width)))[0]
    values = np.zeros(wanted)
    for _ in range(_ROUNDS):
        basis, images = np.empty((count, 0)), np.empty((count, 0))
        for _ in range(_STEPS):
            if cancel is not None:
                cancel.raise_if_cancelled()
            image = times(block)
            basis, images = np.hstack([basis, block]), np.hstack([images, image])
            # Twice, since once leaves what rounding takes back.
            for _ in range(2):
                image = image - basis @ (basis.T @ image)
            block = np.linalg.qr(image)[0]
        projected = basis.T @ images
        ritz, turned = np.linalg.eigh((projected + projected.T) / 2)
        ritz, turned = ritz[::-1][:width], turned[:, ::-1][:, :width]
        block, values = basis @ turned, ritz[:wanted] - 1
        rest = np.linalg.norm(images @ turned - block * ritz, axis=0)
        if rest[: MOST + 1].max() < _CONVERGED and rest[:wanted].max() < _NEARLY:
            break
    return np.asarray(values), np.asarray(block[:, :wanted])


def count_by_gap(values: Points, fewest: int = FEWEST, most: int = MOST) -> int:
    """The number of clusters: k with the largest gap between eigenvalues k and k + 1."""
    most = min(most, len(values) - 1)
    if most < fewest:
        return max(1, most)
    gaps = values[fewest - 1 : most] - values[fewest : most + 1]
    return fewest + int(np.argmax(gaps))


class Uniform(Protocol):
    """A source of random numbers: either of numpy's, so that starts equal those of others."""

    def uniform(self, low: float, high: float, size: int) -> Points: ...


def k_means(
    points: Points,
    count: int,
    cancel: CancelToken | None = None,
    *,
    starts: int = STARTS,
    rng: Uniform | None = None,
) -> NDArray[np.int64]:
    """The cluster of each point, int64 (n,): the best of several starts by greedy k-means++.

    Clusters are in order of size, the largest first. starts: how many. rng: where they are drawn
    from, one number for the first centre and 2 + ln(count) for each other one; seeded without one.
    Arthur and Vassilvitskii 2007, section 4. Raises Cancelled.
    """
    source = rng if rng is not None else np.random.default_rng(0)
    best: tuple[float, NDArray[np.int64]] | None = None
    for _ in range(starts):
        if cancel is not None:
            cancel.raise_if_cancelled()
        cost, labels = _one_start(points, count, source)
        if best is None or cost < best[0] - 1e-12:
            best = cost, labels
    assert best is not None
    sizes = np.bincount(best[1], minlength=count)
    rank = np.empty(count, np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return np.asarray(rank[best[1]])


def _one_start(points: Points, count: int, rng: Uniform) -> tuple[float, NDArray[np.int64]]:
    centres = _spread(points, count, rng)
    labels = np.full(len(points), -1)
    for _ in range(_SWEEPS):
        far = squared(points, centres)
        now = far.argmin(axis=1)
        for empty in set(range(count)) - set(now.tolist()):
            # A centre without points takes the point that is farthest from its own.
            worst = int(far[np.arange(len(points)), now].argmax())
            now[worst], far[worst] = empty, 0.0
        if (now == labels).all():
            break
        labels = now
        centres = np.stack([points[labels == one].mean(axis=0) for one in range(count)])
    cost = float(np.square(points - centres[labels]).sum())
    return cost, labels.astype(np.int64)


def _spread(points: Points, count: int, rng: Uniform) -> Points:
    """Centres by k-means++: each the best of a few that are likely to be far from the others."""
    nearest = np.ones(len(points))
    chosen: list[int] = []
    while len(chosen) < count:
        trials = 2 + int(np.log(count)) if chosen else 1
        summed = nearest.cumsum()
        drawn = np.searchsorted(summed, rng.uniform(0.0, 1.0, trials) * summed[-1], side="right")
        # Rounding may reach the end; and without any distance left all points are alike.
        drawn = np.minimum(drawn, len(points) - 1)
        far = squared(points, points[drawn])
        if chosen:
            far = np.minimum(far, nearest[:, None])
        pick = int(far.sum(axis=0).argmin())
        chosen.append(int(drawn[pick]))
        nearest = far[:, pick]
    return points[chosen]


def squared(points: Points, centres: Points) -> Points:
    """Squared distances, float64 (n, centres)."""
    far = np.square(points).sum(axis=1)[:, None] - 2 * points @ centres.T
    return np.asarray(np.maximum(far + np.square(centres).sum(axis=1), 0.0))


def silhouettes(
    points: Points, labels: NDArray[np.int64], cancel: CancelToken | None = None
) -> Points:
    """The silhouette of each point, -1 to 1 (0 in a cluster of one): (n,). Raises Cancelled."""
    count = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=count)
    member = np.zeros((len(labels), count))
    member[np.arange(len(labels)), labels] = 1
    found = np.zeros(len(points))
    for start in range(0, len(points), _BLOCK):
        if cancel is not None:
            cancel.raise_if_cancelled()
        own = labels[start : start + _BLOCK]
        rows = np.arange(len(own))
        sums = np.sqrt(squared(points[start : start + _BLOCK], points)) @ member
        inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / np.maximum(sizes, 1)
        means[rows, own] = np.inf
        outside = means.min(axis=1)
        larger = np.maximum(inside, outside)
        fits = (sizes[own] > 1) & np.isfinite(outside) & (larger > 0)
        found[start : start + _BLOCK][fits] = ((outside - inside) / larger)[fits]
    return found
