"""What many stored maps come to, some hundreds in memory at a time.

stacks: inputs, int64 (n,), and their maps, float32 (n, rows, columns), of one grid each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from engine.folders.figures import box_energies, energies
from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stacks: TypeAlias = "Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]"


def mean(stacks: Stacks) -> tuple[NDArray[np.float32], int] | None:
    """The mean of the positive parts of the maps, each with the sum 1, and of how many it is; None
    if there is none. Of maps of several grids, the most frequent one counts."""
    sums: dict[tuple[int, ...], NDArray[np.float64]] = {}
    counts: dict[tuple[int, ...], int] = {}
    for _, maps in stacks:
        shares, _ = energies(maps)
        shape = maps.shape[1:]
        sums[shape] = sums.get(shape, 0.0) + shares.sum(axis=0)
        counts[shape] = counts.get(shape, 0) + len(shares)
    if not any(counts.values()):
        return None
    shape = max(counts, key=lambda one: counts[one])
    return (sums[shape] / counts[shape]).astype(np.float32), counts[shape]


def in_box(
    stacks: Stacks, box: tuple[float, float, float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Share of each map's energy in a box (left, top, right, bottom, as shares of the map), of the
    inputs whose map has any."""
    numbers, found = [np.zeros(0, np.int64)], [np.zeros(0)]
    for own, maps in stacks:
        shares, kept = box_energies(maps, box)
        numbers.append(own[kept])
        found.append(shares)
    return np.concatenate(numbers), np.concatenate(found)
