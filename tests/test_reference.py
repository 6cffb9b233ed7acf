"""The reference itself, against finite differences and a network whose map is known by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.reference import reference_activation_and_gradient, reference_map

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]


class Small(nn.Module):
    """A convolution whose output an in-place ReLU overwrites, and a ReLU that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.head = nn.Linear(5, 3)

    def rest(self, activation: Tensor) -> Tensor:
        x = self.relu(self.conv2(self.relu(activation.clone())))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.conv(x))


@pytest.fixture
def network() -> Small:
    torch.manual_seed(3)
    return Small().double().eval()


@pytest.fixture
def picture() -> Tensor:
    return torch.randn(1, 3, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def test_gradient_equals_finite_differences(network: Small, picture: Tensor) -> None:
    activation, gradient = reference_activation_and_gradient(network, picture, "conv", 1)
    step = 1e-6
    with torch.no_grad():
        assert torch.equal(activation, network.conv(picture))
        for index in range(0, activation.numel(), 7):
            change = torch.zeros_like(activation)
            change.view(-1)[index] = step
            up, down = (network.rest(activation + s * change)[0, 1] for s in (1, -1))
            slope = (up - down) / (2 * step)
            assert gradient.view(-1)[index].item() == pytest.approx(slope.item(), abs=1e-8)


def test_map_is_the_weighted_sum(network: Small, picture: Tensor) -> None:
    activation, gradient = reference_activation_and_gradient(network, picture, "conv", 2)
    expected = np.zeros((6, 8))
    for channel in range(4):
        expected += gradient[0, channel].mean().item() * activation[0, channel].numpy()
    found = reference_map(network, picture, "conv", 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_an_overwritten_output_is_still_the_layers_own(network: Small, picture: Tensor) -> None:
    with torch.no_grad():
        own = network.conv(picture)
    assert (own < 0).any()
    activation, _ = reference_activation_and_gradient(network, picture, "conv", 0)
    assert torch.equal(activation, own)


def test_each_call_of_a_reused_module_has_its_own_map(network: Small, picture: Tensor) -> None:
    assert reference_map(network, picture, "relu", 0, call=0).shape == (6, 8)
    assert reference_map(network, picture, "relu", 0, call=1).shape == (3, 4)
    last = reference_map(network, picture, "relu", 0)
    np.testing.assert_array_equal(last, reference_map(network, picture, "relu", 0, call=1))


def test_global_average_and_linear_head_give_the_classic_map() -> None:
    """There Grad-CAM is CAM (Zhou et al. 2016): the head's weights over the number of cells."""
    torch.manual_seed(5)
    head = nn.Linear(4, 3)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    picture = torch.randn(1, 3, 7, 9)
    with torch.no_grad():
        activation = network[0](picture)[0]
        expected = torch.einsum("c,chw->hw", head.weight[2], activation) / (5 * 7)
    np.testing.assert_allclose(
        reference_map(network, picture, "0", 2), expected.numpy(), rtol=1e-5, atol=1e-7
    )


def test_channels_last_output(picture: Tensor) -> None:
    class Last(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1)

    class Head(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x**2).mean(dim=(1, 2))

    network = nn.Sequential(Last(), Head())
    gradient = 2 * picture[0] / (6 * 8) * torch.tensor([0.0, 1.0, 0.0]).view(3, 1, 1)
    expected = gradient.mean(dim=(1, 2))[1] * picture[0, 1]
    found = reference_map(network, picture, "0", 1, channels_last=True)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-9)


def test_neither_network_nor_picture_is_touched(
    network: Small, picture: Tensor, no_hooks: HookWatch
) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with no_hooks(network), torch.no_grad():
        reference_map(network, picture, "conv", 0)
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert not picture.requires_grad
    assert torch.is_grad_enabled()
