"""The estimate of what a pass holds, against what autograd really saves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.inspection import memory
from engine.model import Model
from tests.engine import classifiers, networks
from tests.engine.networks import model_of


def bytes_held_by_autograd(module: nn.Module, size: tuple[int, int]) -> int:
    """Distinct storages that the graph of one pass saves, weights not counted."""
    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
    weights |= {b.untyped_storage().data_ptr() for b in module.buffers()}
    held: dict[int, tuple[int, torch.Tensor]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(torch.zeros(1, 3, *size, requires_grad=True))
    return sum(count for count, _ in held.values())


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2"])
def test_estimate_is_within_a_factor_of_what_is_held(name: str) -> None:
    module = classifiers.build(name)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    model = Model(module, preprocessing=classifiers.preprocessing(name))
    held = bytes_held_by_autograd(module, classifiers.size_of(name))
    estimate = memory.estimate(model.facts, None)
    assert held <= estimate <= 3 * held


def test_a_later_start_holds_less() -> None:
    model = model_of(networks.Deep(10))
    calls = [(f"layers.{i}", 0) for i in range(10)]
    estimates = [memory.estimate(model.facts, call) for call in calls]
    assert estimates == sorted(estimates, reverse=True)
    assert estimates[0] <= memory.estimate(model.facts, None)
    assert estimates[-1] > 0


def test_the_earliest_that_fits() -> None:
    facts = model_of(networks.Deep(10)).facts
    wanted = {(f"layers.{i}", 0) for i in (2, 5, 8)}
    budget = memory.estimate(facts, ("layers.4", 0))
    found = memory.first_that_fits(facts, wanted, budget)
    assert found is not None
    assert found.call == ("layers.5", 0)
    assert memory.first_that_fits(facts, wanted, 0) is None
    everything = memory.first_that_fits(facts, wanted, 1 << 40)
    assert everything is not None
    assert everything.call == ("layers.2", 0)
