"""Interleaved timing: every case once a round, in a new order each round, then the medians."""

from __future__ import annotations

import ctypes
import gc
import os
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

    @property
    def noise(self) -> float | None:
        """The distance of the quartiles from each other, as a part of the median."""
        if self.median is None or len(self.seconds) < 2:
            return None
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / self.median

    def run(self, device: str, keep: bool, fresh: bool) -> None:
        if self.error:
            return
        try:
            if self.before is not None:
                self.before()
            elapsed = _timed(self.action, device, fresh)
        except FAILURES as error:
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            return
        finally:
            if self.after is not None:
                self.after()
        if keep:
            self.seconds.append(elapsed)


def hand_memory_back() -> None:
    """Give the memory that the C library holds without using it back to the system (glibc).

    A first explanation meets fresh memory, and one that comes a while after the last does too. In
    a loop, the library's allocator happens to keep more or less of the last round, which depends on
    what else the process holds; handed back, every round begins alike.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _timed(action: Callable[[], object], device: str, fresh: bool) -> float:
    gc.collect()
    if fresh:
        hand_memory_back()
    if device.startswith("cuda"):
        return _timed_on_cuda(action)
    started = time.perf_counter()
    result = action()
    elapsed = time.perf_counter() - started
    del result
    return elapsed


def _timed_on_cuda(action: Callable[[], object]) -> float:
    """By the device's own clock, from the first operation to the end of the last."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    result = action()
    end.record()
    torch.cuda.synchronize()
    del result
    return float(begin.elapsed_time(end)) / 1000


def measure(
    cases: Mapping[str, Case],
    bare: Case,
    device: str,
    repeats: int,
    fresh: bool = True,
    warm: bool = True,
) -> None:
    """Fills the cases' seconds: `repeats` rounds after one that warms up.

    warm: False to leave that one out, where every case takes hundreds of passes.

    The bare forward runs before every case of a round, so that it meets the same caches, clock
    speed and allocator as what it is compared with. fresh: memory is handed back to the system
    before each measurement, that of the bare forward too.
    """
    order = random.Random(0)
    for round_number in range(0 if warm else 1, repeats + 1):
        names = list(cases)
        order.shuffle(names)
        for name in names:
            bare.run(device, round_number > 0, fresh)
            cases[name].run(device, round_number > 0, fresh)
