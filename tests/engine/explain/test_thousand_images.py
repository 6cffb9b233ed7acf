"""A thousand images, each in a session of its own: no hook stays and memory does not grow."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import psutil
import pytest
from torch import nn

import engine
from engine.records.images import LoadedImage

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
MIB = 1 << 20


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def explain_one(model: engine.Model, number: int) -> None:
    rng = np.random.default_rng(number)
    height, width = (int(n) for n in rng.integers(100, 400, 2))
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    with engine.Session(model, LoadedImage(f"noise {number}", pixels)) as session:
        first, second = session.predictions(k=2)
        session.explain(target=first.index)
        session.explain("layer2", second.index)
        if number % 10 == 0:
            session.sweep()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_images(no_hooks: HookWatch) -> None:
    model = engine.load_model("demo:shapes", device="cpu")
    with no_hooks(model.module):
        for number in range(50):  # the allocator has what it wants after these
            explain_one(model, number)
        before = resident()
        tensors = sum(type(o).__name__ == "Tensor" for o in gc.get_objects())
        for number in range(1000):
            explain_one(model, number)
        growth = resident() - before
    assert growth < 30 * MIB, f"{growth / MIB:.1f} MiB"
    assert sum(type(o).__name__ == "Tensor" for o in gc.get_objects()) <= tensors + 5
