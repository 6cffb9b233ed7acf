"""Spectral clustering of maps, in numpy: neighbours, embedding, number of clusters.

As in SpRAy (arXiv 1902.10178): symmetric nearest neighbours, the normalised affinity, its leading
eigenvectors, the largest gap between their eigenvalues, and k-means (grouping.py). Every step is
seeded, so that the same maps have the same clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.folders.clusters.grouping import BLOCK, Points, squared
from engine.progress import CancelToken

NEIGHBOURS = 10
COMPONENTS = 32
FEWEST, MOST = 2, 10
"""Number of clusters."""

_DENSE = 1_000
"""Up to so many points all eigenvectors are computed; beyond, the leading ones alone."""
_SPARE = 16
_STEPS = 10
_ROUNDS = 40
_CONVERGED, _NEARLY = 1e-7, 1e-3
"""Of the residuals of the eigenvectors that may separate clusters, and of the others."""


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
    for start in range(0, count, BLOCK):
        if cancel is not None:
            cancel.raise_if_cancelled()
        far = squared(points[start : start + BLOCK], points)
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
