"""Randomised weights: what must fail fails, what must pass passes, and the network stays."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.explain.session import Session
from engine.metrics.randomisation import Randomiser, cuts_of, weighted_modules
from engine.metrics.running import measure
from engine.model import Model
from engine.records.workbench.trust import TrustFigure
from tests.engine import networks
from tests.engine.metrics.plain import Edges, Linear, balanced, model_of
from tests.engine.networks import IMAGE, SMALL, seeded
from tests.engine.token_networks import Tokens


def randomisation(session: Session, layer: str | None, method: str) -> TrustFigure:
    explanation = session.explain(layer, method=method)
    (found,) = measure(session, explanation, ["randomisation"])
    return found


def test_an_edge_detector_fails() -> None:
    with Session(model_of(seeded(Edges)), balanced()) as session:
        found = randomisation(session, "edges", "fem")
    assert found.value == pytest.approx(1.0)
    assert found.spread == pytest.approx(0.0)
    assert "hardly depends on what was learned" in found.verdict


def test_a_linear_network_passes() -> None:
    with Session(model_of(seeded(Linear)), balanced()) as session:
        found = randomisation(session, None, "grad-x-input")
    # The map is the weights times the image; of 144 values by chance alone.
    assert abs(found.value or 1.0) < 3 / np.sqrt(144)
    assert "depends on what was learned" in found.verdict


def test_there_are_four_steps_of_three_seeds_and_the_first_point_is_the_map_itself() -> None:
    module = seeded(networks.Deep, 6)
    with Session(Model(module, preprocessing=SMALL), IMAGE) as session:
        found = randomisation(session, "layers.2", "grad-cam")
    mean, *seeds = found.curves
    assert len(seeds) == 3
    assert mean.ticks == ("none", "the head", "the last third", "two thirds", "all weights")
    assert all(one.y[0] == 1.0 and len(one.y) == 5 for one in found.curves)
    np.testing.assert_allclose(mean.y, np.mean([one.y for one in seeds], axis=0))
    assert found.value == pytest.approx(mean.y[-1])
    assert found.spread == pytest.approx(np.std([one.y[-1] for one in seeds], ddof=1))


def test_the_networks_weights_are_what_they_were() -> None:
    module = seeded(networks.Base)
    module.train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with Session(Model(module, preprocessing=SMALL), IMAGE) as session:
        first = session.explain("middle").map.copy()
        randomisation(session, "middle", "grad-cam")
        again = session.explain("middle", method="hirescam")
        assert np.array_equal(session.explain("middle").map, first)
    with Session(Model(module, preprocessing=SMALL), IMAGE) as session:
        np.testing.assert_array_equal(session.explain("middle", method="hirescam").map, again.map)
    after = module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(part.training for part in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize(("count", "cuts"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4))])
def test_small_networks_have_fewer_steps(count: int, cuts: tuple[int, ...]) -> None:
    assert cuts_of(count) == cuts


def test_steps_are_the_head_and_thirds() -> None:
    assert cuts_of(54) == (1, 18, 36, 54)


def test_modules_are_taken_from_the_head_down() -> None:
    model = Model(seeded(networks.Base), preprocessing=SMALL)
    assert weighted_modules(model.module, model.facts) == ["head", "last", "middle", "stem"]


def test_what_a_container_holds_itself_comes_before_its_children() -> None:
    module = seeded(Tokens)
    model = Model(module, preprocessing=SMALL)
    names = weighted_modules(module, model.facts)
    assert names[0] == "head"
    own = [name for name, part in module.named_modules() if [*part.parameters(recurse=False)]]
    assert sorted(names) == sorted(own)
    # The embedding of positions, which the network itself holds, is used before any block.
    assert names.index("") > names.index("blocks.0.query") > names.index("blocks.2.proj")


class Shared(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(x))
        return found


def test_a_tensor_keeps_its_mean_and_deviation_and_a_shared_one_is_drawn_once() -> None:
    own = seeded(Shared)
    wide = nn.Linear(400, 300)
    own.add_module("wide", wide)
    copied = copy.deepcopy(own)
    randomiser = Randomiser(own, copied, ["wide", "second", "first"])
    randomiser.randomise(0, 2, 7, None)
    fresh = copied.get_submodule("wide").weight.detach()
    assert not torch.equal(fresh, wide.weight)
    assert float(fresh.mean()) == pytest.approx(float(wide.weight.detach().mean()), abs=1e-3)
    assert float(fresh.std()) == pytest.approx(float(wide.weight.detach().std()), rel=0.02)
    drawn = copied.first.weight.clone()
    assert not torch.equal(drawn, own.first.weight)
    randomiser.randomise(2, 3, 7, None)
    assert torch.equal(copied.first.weight, drawn)
    assert not torch.equal(copied.first.bias, own.first.bias)
    randomiser.restore()
    assert all(map(torch.equal, copied.parameters(), own.parameters()))
