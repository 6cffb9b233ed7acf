"""What is found in a network does not depend on whether it was looked at with data or without."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.inspection import facts
from engine.inspection.facts import Inspection
from engine.loading.load import load_model
from engine.passes import observation
from tests.engine import classifiers


@pytest.mark.parametrize("name", ["demo:shapes", "demo:photos", "squeezenet1_1", "vit_b_32"])
def test_with_data_and_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = name.startswith("demo:")
    module = load_model(name).module if demo else classifiers.build(name)
    found: list[Inspection] = []
    for real in (True, False):
        choose: Any = lambda *_, real=real: real  # noqa: E731
        for room in (observation, facts):
            monkeypatch.setattr(room, "runs_sooner", choose)
        size = (224, 224) if demo else classifiers.size_of(name)
        found.append(facts.inspect(module, (1, 3, *size), torch.device("cpu")))
    with_data, without = found
    assert with_data.calls == without.calls
    assert with_data.counts == without.counts
    assert with_data.reading == without.reading
    for part in ("leads_to", "entries", "gates"):
        assert getattr(with_data.flow, part) == getattr(without.flow, part)
    # Attention is one operation there and several here: the order counts, not the number.
    depths = [
        sorted(flow.depth, key=lambda c, d=flow.depth: d[c])
        for flow in (with_data.flow, without.flow)
    ]
    assert depths[0] == depths[1]
    assert with_data.grids == without.grids
    assert not with_data.real, "as much is known of its memory as without data"
