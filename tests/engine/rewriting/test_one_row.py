"""Linear layers of one row: the same numbers, forward, backward and twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import engine
from engine.rewriting.one_row import OneRow, is_large
from tests.engine.networks import IMAGE, model_of, seeded


def pair(factors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs and gradients of a layer and of its one-row form, for a gradient of the output."""
    torch.manual_seed(1)
    layer = nn.Linear(700, 1500)
    found: list[Tensor] = []
    for module in (layer, OneRow(layer)):
        x = torch.linspace(-1, 1, 700).view(1, 700).requires_grad_()
        y = module(x)
        (gradient,) = torch.autograd.grad((y * factors).sum(), [x])
        found += [y.detach(), gradient]
    return found[0], found[2], found[1], found[3]


@pytest.mark.parametrize("used", [0, 1, 2, 750, 1500])
def test_output_and_gradient_are_those_of_the_layer(used: int) -> None:
    factors = torch.zeros(1, 1500)
    factors[0, torch.randperm(1500)[:used]] = torch.linspace(-2, 3, used)
    own, ours, gradient, ours_gradient = pair(factors)
    torch.testing.assert_close(ours, own, rtol=0, atol=0)
    torch.testing.assert_close(ours_gradient, gradient, rtol=1e-5, atol=1e-5)


def test_it_can_be_derived_twice() -> None:
    layer = nn.Linear(3, 2).double()
    x = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: OneRow(layer)(x).pow(3), [x])


def test_more_than_one_row_is_the_layers_own() -> None:
    layer = nn.Linear(5, 4)
    many = torch.randn(3, 5, requires_grad=True)
    torch.testing.assert_close(OneRow(layer)(many), layer(many), rtol=0, atol=0)
    assert OneRow(layer).in_features == 5


def test_which_layers_are_worth_it() -> None:
    large = nn.Linear(1024, 1024)
    assert is_large(large, (1, 1024))
    assert not is_large(large, (197, 1024))
    assert not is_large(large, ())
    assert not is_large(nn.Linear(10, 10), (1, 10))
    assert not is_large(large.double(), (1, 1024))


class WithHead(nn.Module):
    """Two large linear layers after the last grid."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.SiLU())
        self.first = nn.Linear(8, 2048)
        self.second = nn.Linear(2048, 1024)
        self.head = nn.Linear(1024, 4)

    def forward(self, x: Tensor) -> Any:
        x = self.body(x).mean((2, 3))
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))))


def test_maps_by_way_of_it_are_the_networks_own() -> None:
    model = model_of(seeded(WithHead))
    with engine.Session(model, IMAGE, exact=True) as session:
        own = {c: session.explain("body.1", c).map for c in (0, 1)}
        shapley = session.explain("body.1", 1, method="shapleycam").map
    for _ in range(3):
        with engine.Session(model, IMAGE) as session:
            for c, expected in own.items():
                found = session.explain("body.1", c).map
                assert abs(found - expected).max() <= 1e-5 * abs(expected).max()
            found = session.explain("body.1", 1, method="shapleycam").map
            assert abs(found - shapley).max() <= 1e-4 * abs(shapley).max()
    apart = model.faster.apart(1 << 30)
    assert apart is not None
    assert isinstance(apart.module.get_submodule("second"), OneRow)
