"""How many images one pass takes, and what happens where a network or the memory takes fewer.

The one place for that: batches with a graph (batches), further passes for one map (input_passes,
layer_passes) and logits alone (scoring) ask here. Which form of the network runs is in forms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from engine.errors import ModelError, one_line
from engine.explain.kept_passes import Computation
from engine.passes.hooks import NETWORK_ERRORS
from engine.passes.memory.budget import is_out_of_memory

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

MOST = 16
"""Images that are taken together at most, where nothing else was asked for."""

_MOST_ON_CPU = 4
# Of passes with a graph: the activations of more images leave the processor's caches (0071).

# What the largest output of a batch without a graph may take on a processor. Beyond it, a batch is
# no faster than one image after the other, and cancelling, which waits for an operation, takes
# longer.
_BATCH_BYTES = 8 << 20
# What is alive at once in a pass without a graph, in outputs of the largest layer.
_ALIVE = 4
# How far the numbers of an image may move, by rounding, if another one is in its batch, or if its
# pass starts at a layer.
_SAME = 1e-4


def most_in_pass(device: torch.device, together: int = MOST) -> int:
    """Images in one pass with a graph at most, of so many that are taken together."""
    return min(together, _MOST_ON_CPU) if device.type == "cpu" else together


def plain_bytes(largest: int) -> int:
    """What a pass without a graph holds for each image; largest: bytes of its largest output."""
    return _ALIVE * largest


class Batching:
    """Cuts images into batches for one computation's network. Not thread-safe.

    most: images in one pass at most; fewer after what was noticed of the network or the memory.
    tried: whether it is known if the network takes batches.
    """

    def __init__(self, work: Computation, most: int = MOST) -> None:
        self._work = work
        self._asked = self.most = max(1, most)
        self.tried = False

    def limit(self, largest: int) -> None:
        """For passes without a graph, whose largest output has so many bytes for each image: as
        many as were asked for, fewer where that is large. Begins anew."""
        model = self._work.model
        self.most = 1 if model.facts.real else self._asked
        if model.device.type == "cpu":
            self.most = max(1, min(self.most, _BATCH_BYTES // max(1, largest)))
        self.tried = self.most == 1

    def fitting(self, each: int) -> int:
        """As many as fit into the memory that a pass may hold now; each: bytes for an image."""
        return max(1, min(self.most, self._work.allowed // max(1, each)))

    def one_by_one(self, reason: str) -> None:
        """Take one image at a time from now on."""
        self._fewer(1, reason)

    def cut(
        self,
        inputs: Iterable[_Item],
        each: int,
        takes: Callable[[list[_Item]], bool],
        run: Callable[[list[_Item]], _Made],
    ) -> Iterator[_Made]:
        """What run makes of each batch, as soon as it is made; inputs are taken a batch at a time.

        each: bytes that an image of a batch holds. takes: whether the network takes batches, tried
        with the first of more than one input. Errors of run are passed on: whoever holds kept
        passes frees them first (Computation.guarded), and asks anew.
        """
        rest = iter(inputs)
        while few := list(islice(rest, self.fitting(each))):
            if not self.tried and len(few) > 1:
                self.tried = True
                if not takes(few):
                    self.most = 1
            for start in range(0, len(few), self.most):
                yield run(few[start : start + self.most])

    def halved(
        self,
        items: Sequence[_Item],
        together: Callable[[Sequence[_Item]], Sequence[_Made]],
        alone: Callable[[_Item], _Made],
    ) -> list[_Made]:
        """What together makes of a batch, one for each item. Nothing is kept that could be freed:
        out of memory, the batch is halved from now on; after another failure of the network, each
        is made alone, and so are a single item and those of a network that takes no more."""
        if len(items) < 2 or self.most == 1:
            return [alone(item) for item in items]
        try:
            return list(together(items))
        except (*NETWORK_ERRORS, MemoryError, ModelError) as error:
            if is_out_of_memory(error):
                self._fewer(len(items) // 2, f"out of memory with {len(items)} images")
            else:
                self._fewer(1, f"{type(error).__name__}: {one_line(error)}")
        pieces = [items[at : at + self.most] for at in range(0, len(items), self.most)]
        return [made for piece in pieces for made in self.halved(piece, together, alone)]

    def _fewer(self, most: int, reason: str) -> None:
        self.most = max(1, most)
        _log.info("%s: %s; %d in one pass", self._work.model.source, reason, self.most)


def is_same(run: Callable[[], Tensor], wanted: Tensor, what: str) -> bool:
    """Whether a pass gives numbers that are known, (n, ...), but for rounding; not if the network
    fails. what: is tried, for the log. Raises the error of a device that is out of memory."""
    try:
        found = run()
    except (*NETWORK_ERRORS, ModelError) as error:
        if is_out_of_memory(error):
            raise
        _log.info("%s: not possible: %s", what, error)
        return False
    if not wanted.numel():
        return True
    far, peak = float((found - wanted).abs().max()), float(wanted.abs().max())
    # Not a number is not the same, either.
    if far <= _SAME * peak:
        return True
    _log.info("%s: not possible: it changes the numbers by %g", what, far)
    return False
