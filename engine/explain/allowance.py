"""How much memory a session's passes may hold, and how little it becomes when memory runs out."""

from __future__ import annotations

import torch

from engine.errors import DeviceError
from engine.inspection import memory
from engine.model import Model
from engine.passes.hooks import Call
from engine.passes.memory.budget import memory_budget, release_cache

# After an out-of-memory error, at most this fraction (1/n) of the whole graph is kept at once.
_FRUGAL = 4


class Allowance:
    """Bytes that may be kept.

    budget: as many, None for half of the memory that is free at the time. frugal: whether memory
    has run out on the model's device, so that less is kept.
    """

    def __init__(self, model: Model, budget: int | None, *, frugal: bool = False) -> None:
        self.budget = budget
        self.frugal = frugal
        self._model = model

    @property
    def bytes(self) -> int:
        """Bytes that a pass may hold now."""
        allowed = self.budget
        if allowed is None:
            # What is in reserve is given before a pass needs it.
            allowed = memory_budget(self._model.device) + self._model.reserve.bytes // 2
        if self.frugal:
            # Certainly less than the whole graph: the memory that was free for it did not suffice.
            allowed = min(allowed, memory.estimate(self._model.facts, None)) // _FRUGAL
        return allowed

    def fits(self, start: Call | None) -> bool:
        """Whether a graph from a call on may be held, for None from the input on."""
        return memory.estimate(self._model.facts, start) <= self.bytes

    def retreat(self) -> str:
        """Keep less from now on, or else move the model to the CPU; a notice that says so.

        For when memory has run out, and all that was kept is freed. Raises DeviceError where
        neither is left to do.
        """
        device = self._model.device
        if not self.frugal:
            self.frugal = True
            return f"{device} ran out of memory; continuing more slowly, with less kept in memory"
        if device.type == "cpu":
            raise DeviceError("not enough memory for this layer; choose a later layer")
        text = f"{device} ran out of memory; continuing on the CPU"
        self._model.move(torch.device("cpu"), text)
        self.frugal = False
        release_cache(device)
        return text
