"""Where rounding decides on which side of a kink a number is, it is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import engine
from engine.passes.below.kinks import Kinks
from tests.engine.networks import IMAGE, model_of, seeded

NEAR, FAR = 3e-8, 3e-3


def seen(operation: Callable[[Tensor], object], read: Tensor) -> bool:
    kinks = Kinks()
    with kinks.ready():
        kinks.begin(torch.zeros(1))
        operation(read)
    return kinks.near


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        (nn.ReLU(), 0.0),
        (nn.ReLU(inplace=True), 0.0),
        (functional.relu, 0.0),
        (nn.LeakyReLU(0.1), 0.0),
        (nn.PReLU(), 0.0),
        (torch.abs, 0.0),
        (nn.ReLU6(), 0.0),
        (nn.ReLU6(), 6.0),
        (nn.Hardtanh(), -1.0),
        (nn.Hardswish(), 3.0),
        (nn.Hardswish(), -3.0),
        (nn.Hardsigmoid(), -3.0),
        (nn.Threshold(2.0, 0.0), 2.0),
        (lambda x: x.clamp(min=0), 0.0),
        (lambda x: x.clamp_(0, 1), 1.0),
        (lambda x: torch.maximum(x, torch.ones(())), 1.0),
    ],
)
def test_a_number_at_the_kink_but_for_rounding(
    operation: Callable[[Tensor], object], place: float
) -> None:
    with torch.no_grad():
        for apart, expected in ((NEAR, True), (-NEAR, True), (FAR, False), (-FAR, False)):
            # The peak of 8 makes float32 coarse enough for neither.
            read = torch.tensor([[[[8.0, -7.3], [place + apart * 8, 2.5]]]], dtype=torch.float64)
            assert seen(operation, read.float() if place == 0 else read) is expected


def test_two_numbers_of_a_window() -> None:
    pool = nn.MaxPool2d(2)
    for apart, expected in ((NEAR, True), (FAR, False)):
        read = torch.tensor([[[[1.0 + apart, 0.2], [1.0, -5.0]]]], dtype=torch.float64)
        assert seen(pool, read) is expected
    same = torch.zeros(1, 1, 4, 4)
    assert not seen(pool, same), "as in every way to compute it: the first of the window"


@pytest.mark.parametrize("operation", [nn.SiLU(), nn.GELU(), torch.tanh, nn.Softmax(1)])
def test_what_is_smooth_has_none(operation: Callable[[Tensor], object]) -> None:
    assert not seen(operation, torch.tensor([[0.0, NEAR, -NEAR, 1.0]]))


def test_exact_zeros_are_a_kink_where_they_are_rare() -> None:
    read = torch.linspace(-3, 3, 5000)
    assert not seen(torch.relu, read)
    read[7] = 0
    assert seen(torch.relu, read)
    assert not seen(torch.relu, torch.relu(read)), "half of them: a ReLU came before"


def test_what_reads_the_start_itself_is_left_out() -> None:
    start = torch.tensor([NEAR, 1.0])
    kinks = Kinks()
    with kinks.ready():
        kinks.begin(start)
        torch.relu(start)
        assert not kinks.near
        torch.relu(start.clone())
    assert kinks.near
    torch.relu(start.clone())


class AtAKink(nn.Module):
    """One unit after the layer is so near to zero that a rewritten layer may turn it over."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU())
        self.last = nn.Conv2d(8, 8, 3)
        self.unit = nn.Linear(8, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.body(x)).mean((2, 3))
        found: Tensor = self.head(torch.relu(self.unit(x)))
        return found


def test_the_networks_own_pass_is_used_there() -> None:
    network = seeded(AtAKink).eval()
    model = model_of(network)
    with engine.Session(model, IMAGE) as session:
        image = session._work.input
    units: list[Tensor] = []
    handle = network.unit.register_forward_hook(lambda _m, _i, out: units.append(out))
    with torch.no_grad():
        network(image)
        handle.remove()
        network.unit.bias[3] -= units[0][0, 3] - 1e-8
    maps = []
    for _ in range(4):
        with engine.Session(model, IMAGE) as session:
            maps.append(session.explain("last", 1).map)
    for found in maps[1:]:
        np.testing.assert_array_equal(found, maps[0])
    assert not model.faster.why_not
    assert model.faster.bytes == 0, "given up for this layer, after the second image"
