"""Figures of a map: where its energy lies, and the map as it is stored. numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.folders.records import LARGEST_GRID, Figures

BORDER = 1 / 8
"""Width of the border, as a share of each side."""

CORNER = 1 / 4
"""Side of the squares in the corners, as a share of each side."""


def energy(map: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """The positive part of a map, float64 (rows, columns), with the sum 1; None if all is zero or
    negative."""
    positive = np.maximum(map.astype(np.float64), 0.0)
    whole = positive.sum()
    return positive / whole if whole > 0 else None


def energies(maps: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The same of many maps (n, rows, columns): the energy of those that have any, float64 (kept,
    rows, columns), and which these are, bool (n,)."""
    positive = np.maximum(maps.astype(np.float64), 0.0)
    wholes = positive.sum(axis=(1, 2))
    kept = wholes > 0
    return positive[kept] / wholes[kept][:, None, None], kept


def figures_of(map: NDArray[np.float32]) -> Figures | None:
    """The figures of a map (rows, columns); None if nothing of it is positive."""
    share = energy(map)
    if share is None:
        return None
    rows, columns = share.shape
    inner = covered(rows, BORDER, 1 - BORDER), covered(columns, BORDER, 1 - BORDER)
    ends = (
        covered(rows, 0, CORNER) + covered(rows, 1 - CORNER, 1),
        covered(columns, 0, CORNER) + covered(columns, 1 - CORNER, 1),
    )
    return Figures(
        border=_within(1 - float(inner[0] @ share @ inner[1])),
        corners=_within(float(ends[0] @ share @ ends[1])),
        spread=1.0 / float(share.size * np.square(share).sum()),
    )


def box_energies(
    maps: NDArray[np.float32], box: tuple[float, float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Share of the energy of maps (n, rows, columns) in a box: left, top, right and bottom as
    shares of the map, 0 to 1. Of the maps that have any: float64 (kept,), and which these are, bool
    (n,)."""
    shares, kept = energies(maps)
    left, top, right, bottom = box
    rows, columns = maps.shape[1:]
    inside = covered(rows, top, bottom) @ shares @ covered(columns, left, right)
    return np.clip(inside, 0.0, 1.0), kept


def covered(count: int, low: float, high: float) -> NDArray[np.float64]:
    """How much of each of count equal cells from 0 to 1 lies between low and high, 0 to 1."""
    edges = np.arange(count + 1) / count
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.asarray(np.clip(inside * count, 0.0, 1.0))


def stored(map: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map as it is stored: itself, or averaged to at most LARGEST_GRID rows and columns."""
    rows, columns = map.shape
    if rows <= LARGEST_GRID and columns <= LARGEST_GRID:
        return np.ascontiguousarray(map, np.float32)
    down, across = (
        averaging(count, min(count, LARGEST_GRID)).astype(np.float32) for count in (rows, columns)
    )
    return np.ascontiguousarray(down @ map @ across.T)


def averaging(count: int, goal: int) -> NDArray[np.float64]:
    """The matrix (goal, count) by which count equal cells become fewer, each their mean by area."""
    parts = [covered(count, k / goal, (k + 1) / goal) for k in range(goal)]
    return np.asarray(np.stack(parts) * (goal / count))


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
