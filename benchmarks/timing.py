"""Interleaved timing: every case once a round, in a new order each round, then the medians."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

# What a library raises for a layer or a use that it does not support.
FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    AssertionError,
    NotImplementedError,
)


@dataclass(slots=True)
class Case:
    """Something to time. before and after are not timed; error says why there is no figure."""

    action: Callable[[], object]
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    seconds: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds and not self.error else None

    def run(self, device: str, keep: bool) -> None:
        if self.error:
            return
        try:
            if self.before is not None:
                self.before()
            elapsed = _timed(self.action, device)
        except FAILURES as error:
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            return
        finally:
            if self.after is not None:
                self.after()
        if keep:
            self.seconds.append(elapsed)


def _timed(action: Callable[[], object], device: str) -> float:
    gc.collect()
    _synchronise(device)
    started = time.perf_counter()
    result = action()
    _synchronise(device)
    elapsed = time.perf_counter() - started
    del result
    return elapsed


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def measure(cases: Mapping[str, Case], bare: Case, device: str, repeats: int) -> None:
    """Fills the cases' seconds: `repeats` rounds after one that warms up.

    The bare forward runs before every case of a round, so that it meets the same caches, clock
    speed and allocator as what it is compared with.
    """
    order = random.Random(0)
    for round_number in range(repeats + 1):
        names = list(cases)
        order.shuffle(names)
        for name in names:
            bare.run(device, keep=round_number > 0)
            cases[name].run(device, keep=round_number > 0)
