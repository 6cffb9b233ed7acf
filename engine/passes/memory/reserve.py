"""Memory of the largest pass over many layers, held for the next one.

A pass that keeps every layer's output fills memory that was never touched, each page of which the
system maps and clears first: on a processor up to a quarter of the pass. A GPU's allocator holds
memory by itself; here it is held in pieces as large as the outputs, which the C library hands out
of what the last pass has just freed.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from engine.passes.backward import ForwardPass

# Of the memory that a pass may hold, at most one part in so many is held between passes, and no
# more than so many bytes.
_SHARE = 4
_MOST = 512 << 20
# What autograd keeps beside the modules' outputs, in parts of these, and in what pieces.
_BESIDE = 0.15
_PIECE = 1 << 20


class Reserve:
    """Memory that belongs to no pass. What was in it is not used again, only its room."""

    def __init__(self) -> None:
        self._pieces: list[Tensor] = []
        self._largest: Counter[int] = Counter()

    @property
    def bytes(self) -> int:
        """Memory that is held."""
        return sum(piece.nbytes for piece in self._pieces)

    def give(self) -> None:
        """Free it all for a pass that is about to begin."""
        self._pieces.clear()

    def hold(self, allowed: int, kept: Counter[int], *freed: Counter[int]) -> None:
        """Hold what the largest pass so far took, but for what is kept now.

        allowed: bytes that a pass may hold. kept, freed: sizes in bytes, and how many of each, of a
        pass that is kept and of those that were freed just now.
        """
        self._largest = max(self._largest, kept, *freed, key=_total)
        left = min(_total(self._largest), allowed // _SHARE, _MOST) - _total(kept)
        self._pieces.clear()
        # The largest first: each finds the room that one of its size has left.
        for size, count in sorted((self._largest - kept).items(), reverse=True):
            for _ in range(min(count, max(0, left) // size)):
                self._pieces.append(torch.empty(size, dtype=torch.uint8))
                left -= size

    def clear(self) -> None:
        """Free all of it, and hold nothing until the next pass."""
        self._pieces.clear()
        self._largest.clear()


def sizes_of(done: ForwardPass | None) -> Counter[int]:
    """The sizes in bytes of what a pass takes that kept many outputs on a processor."""
    if done is None or len(done.kept) < 2 or done.logits.device.type != "cpu":
        return Counter()
    # Modules that return the same tensor share one of these.
    outputs = {id(kept): kept for kept in done.kept.values()}.values()
    sizes = Counter(kept.tensor.nbytes for kept in outputs)
    sizes.update(kept.tensor.nbytes for kept in outputs if kept.copied)
    sizes[_PIECE] += int(_BESIDE * _total(sizes)) // _PIECE
    return sizes


def _total(sizes: Counter[int]) -> int:
    return sum(size * count for size, count in sizes.items())
