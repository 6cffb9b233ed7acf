"""Walks over modules: the same ones that torch's own walk finds."""

from __future__ import annotations

import pytest
from torch import nn

from engine.passes import modules


class Sharing(nn.Module):
    """One module under two names, one that is missing, and a branch that holds most of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Identity(), nn.Identity()))
        self.again = self.first[0]
        self.absent: nn.Module | None = None
        self.large = nn.ModuleDict(
            {
                "small": nn.Sequential(nn.ReLU(), nn.ReLU()),
                "most": nn.Sequential(*(nn.Sequential(nn.ReLU()) for _ in range(20))),
            }
        )


def test_each_module_once() -> None:
    network = Sharing()
    network.register_module("missing", None)
    found = list(modules.each(network))
    assert len(found) == len(set(found))
    assert set(found) == set(network.modules())


def test_passes_stop_between_two_levels_and_within_what_holds_most() -> None:
    outer = {"first", "again", "large", "first.0", "first.1", "large.small", "large.most"}
    within = {f"large.most.{n}" for n in range(20)}
    assert set(modules.stops(Sharing())) == outer | within


def test_a_name_leads_to_what_torch_says() -> None:
    network = Sharing()
    for name in ("", "again", "first.1.0", "large.most.3.0"):
        assert modules.below(network, name) is network.get_submodule(name)
    with pytest.raises(AttributeError):
        modules.below(network, "large.most.99")
