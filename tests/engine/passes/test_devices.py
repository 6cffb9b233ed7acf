"""Which device is chosen among those that are there, and what counts as out of memory."""

from __future__ import annotations

import psutil
import pytest
import torch

from engine.errors import DeviceError
from engine.passes import devices


def there(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "chosen"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda:0"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, True, " MPS ", "mps"),
        (2, True, "cpu", "cpu"),
    ],
)
def test_choice(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, wanted: str, chosen: str
) -> None:
    there(monkeypatch, cuda, mps)
    assert str(devices.choose(wanted)) == chosen


@pytest.mark.parametrize("wanted", ["cuda", "cuda:2", "mps", "tpu", "", "cuda:x"])
def test_what_is_not_there_is_refused_with_what_is(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    there(monkeypatch, 0, False)
    with pytest.raises(
        DeviceError, match=f"device '{wanted}' is not available; choose auto or cpu$"
    ):
        devices.choose(wanted)


def test_budget_is_half_of_what_is_free() -> None:
    free = psutil.virtual_memory().available
    assert devices.memory_budget(torch.device("cpu")) == pytest.approx(free / 2, rel=0.2)


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
    assert devices.is_out_of_memory(error) is expected


def test_the_real_allocators_error_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 58, dtype=torch.uint8)
    assert devices.is_out_of_memory(caught.value)


def test_versions_are_those_installed() -> None:
    from importlib.metadata import version

    found = devices.versions()
    assert found["torch"].partition("+")[0] == version("torch").partition("+")[0]
    assert found["torchvision"].partition("+")[0] == version("torchvision").partition("+")[0]
