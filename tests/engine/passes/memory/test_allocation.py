"""What one pass may allocate: networks that have to be run to be looked at cannot take it all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.explain.session import Session
from engine.images.reading import image_from_array
from engine.model import Model
from engine.passes.memory.allocation import Bounded, TooLarge, limit_of
from engine.records.images import Preprocessing

HOW = Preprocessing(resize=None, crop=(16, 16), mean=(0.0,) * 3, std=(1.0,) * 3)
MEGABYTE = 1 << 20


class Counting(nn.Module):
    """Reads a number off the picture, so that no pass without data tells what it makes.

    scale: how many rows it makes for each unit of the picture's sum.
    """

    def __init__(self, scale: float, least: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scale, self.least = scale, least
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.least + int(x.sum().item() * self.scale)
        made = self.conv(x).mean((2, 3)).expand(rows, 4) + 0.0
        return made.mean(0, keepdim=True)


def opened(scale: float, least: int = 1) -> Model:
    return Model(Counting(scale, least), preprocessing=HOW)


def picture(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


Work = Callable[[Tensor], object]
COSTS: list[tuple[Work, int]] = [
    (lambda _x: torch.zeros(100), 400),
    (lambda x: x + x, 400),
    (lambda x: x @ x, 400),
    (lambda x: x.double(), 800),
    (lambda x: x.expand(1000, 10, 10).amax(0), 400),
    (lambda x: torch.cat([x] * 5), 2000),
    (lambda x: x.view(100), 0),
    (lambda x: x.t().expand(50, 10, 10), 0),
    (lambda x: x.add_(1), 0),
]


@pytest.mark.parametrize(("work", "cost"), COSTS)
def test_what_is_new_is_counted_and_what_is_a_view_is_not(work: Work, cost: int) -> None:
    x = torch.ones(10, 10)
    with Bounded(cost):
        work(x)
    if cost:
        with pytest.raises(TooLarge), Bounded(cost - 1):
            work(x)


def test_nothing_of_what_is_too_large_is_made() -> None:
    with pytest.raises(TooLarge, match=r"more than 0\.0 GB"), Bounded(MEGABYTE):
        torch.ones(1 << 50)


def test_outcomes_are_those_without_a_bound() -> None:
    network, x = Counting(0.01), torch.rand(1, 3, 16, 16)
    with Bounded(MEGABYTE):
        bounded = network(x)
    assert torch.equal(bounded, network(x))


def test_the_limit_grows_with_the_weights_and_ends_at_half_of_what_is_free() -> None:
    cpu = torch.device("cpu")
    small, large = nn.Linear(1, 1), nn.Linear(1000, 10_000)
    assert limit_of(large, cpu) - limit_of(small, cpu) > 10 * large.weight.numel() * 4
    assert limit_of(nn.Linear(1 << 20, 1 << 20, device="meta"), cpu) < 1 << 40


def test_a_network_that_reads_its_picture_is_explained() -> None:
    """The logit of a class is the mean of its channel: its map is that channel over its cells."""
    model = opened(0.001)
    assert model.facts.real
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    with Session(model, image_from_array(pixels, "x")) as session:
        explanation = session.explain("conv")
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        channel = model.module.conv(x)[0, explanation.target.index]  # type: ignore[operator]
    np.testing.assert_allclose(explanation.map, channel.numpy() / channel.numel(), rtol=1e-4)


def test_a_network_that_asks_for_all_memory_is_refused_when_it_is_opened() -> None:
    with pytest.raises(ModelError, match=r"more than .* GB; choose a smaller input"):
        opened(0.0, least=1 << 40)


def test_what_only_a_real_picture_asks_for_is_refused_when_it_is_explained() -> None:
    """The picture that a network is looked at with is black."""
    model = opened(1e9)
    with Session(model, image_from_array(picture(0), "x")) as session:
        assert session.explain("conv").map.shape == (14, 14)
    with (
        Session(model, image_from_array(picture(255), "x")) as session,
        pytest.raises(ModelError, match=r"does not run: one pass needs more"),
    ):
        session.explain("conv")


def test_a_layer_whose_output_is_known_to_be_far_too_large_is_refused() -> None:
    """A pass without data tells it, and none with data is made."""
    network = nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Upsample(size=20_000), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    with pytest.raises(
        ModelError, match=r"the output of one layer takes 12\.8 GB; choose a smaller"
    ):
        Model(network, preprocessing=HOW)
