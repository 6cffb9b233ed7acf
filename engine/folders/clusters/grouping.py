"""Points into groups, in numpy: squared distances, k-means, and silhouettes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.progress import CancelToken

Points = NDArray[np.float64]

BLOCK = 512
"""Points whose distances from all others are computed at a time."""

STARTS = 24
_SWEEPS = 100


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
    for start in range(0, len(points), BLOCK):
        if cancel is not None:
            cancel.raise_if_cancelled()
        own = labels[start : start + BLOCK]
        rows = np.arange(len(own))
        sums = np.sqrt(squared(points[start : start + BLOCK], points)) @ member
        inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / np.maximum(sizes, 1)
        means[rows, own] = np.inf
        outside = means.min(axis=1)
        larger = np.maximum(inside, outside)
        fits = (sizes[own] > 1) & np.isfinite(outside) & (larger > 0)
        found[start : start + BLOCK][fits] = ((outside - inside) / larger)[fits]
    return found
