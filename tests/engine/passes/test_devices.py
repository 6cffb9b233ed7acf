"""Which device is chosen among those that are there."""

from __future__ import annotations

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


def test_versions_are_those_installed() -> None:
    from importlib.metadata import version

    found = devices.versions()
    assert found["torch"].partition("+")[0] == version("torch").partition("+")[0]
    assert found["torchvision"].partition("+")[0] == version("torchvision").partition("+")[0]
