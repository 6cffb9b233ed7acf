"""How much memory a pass may use, and what counts as out of memory."""

from __future__ import annotations

import psutil
import pytest
import torch

from engine.passes.memory.budget import is_out_of_memory, memory_budget


def test_budget_is_half_of_what_is_free() -> None:
    free = psutil.virtual_memory().available
    assert memory_budget(torch.device("cpu")) == pytest.approx(free / 2, rel=0.2)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_the_real_allocators_error_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 58, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
