"""What counts as slower between two results."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.compare import changes


def result(first: float, noise: float | None = None, name: str = "resnet50") -> dict[str, Any]:
    own: dict[str, Any] = {"ratio": {"first": first, "all_one_by_one": None}}
    if noise is not None:
        own["noise"] = {"first": noise}
    return {"results": [{"network": name, "device": "cpu", "contenders": {"hookscope": own}}]}


@pytest.mark.parametrize(
    ("before", "now", "slower"),
    [
        (result(1.0), result(1.04), False),
        (result(1.0), result(1.06), True),
        (result(1.0, 0.2), result(1.15, 0.01), False),
        (result(1.0, 0.01), result(1.15, 0.2), False),
        (result(1.0, 0.1), result(1.15, 0.1), True),
        (result(1.0), result(0.5), False),
    ],
)
def test_slower_is_what_exceeds_the_noise_of_both(
    before: dict[str, Any], now: dict[str, Any], slower: bool
) -> None:
    (change,) = changes(now, before)
    assert change.what == "resnet50 on cpu, first"
    assert change.slower is slower


def test_only_what_both_have_is_compared() -> None:
    assert list(changes(result(1.0), result(1.0, name="vgg16"))) == []
