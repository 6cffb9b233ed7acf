"""Every gradient method beside a derivation of its own in numpy, in float64, and in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.methods import blocks, gradient
from engine.methods.inputs import MethodInput, MethodMap
from engine.records.models import Layout
from tests.reference import reference_activation_and_gradient

Function = Callable[[MethodInput], MethodMap]
Array = NDArray[np.float64]
ALL: list[Function] = [
    gradient.grad_cam,
    gradient.hirescam,
    gradient.layercam,
    gradient.grad_cam_elementwise,
    gradient.xgrad_cam,
    gradient.grad_cam_plus_plus,
]


def by_hand(name: str, a: Array, g: Array) -> Array:
    """The formulas, channel by channel and, where there is no shorter way, cell by cell."""
    total = np.zeros(a.shape[1:])
    for values, slopes in zip(a, g, strict=True):
        if name == "grad_cam":
            total += slopes.sum() / slopes.size * values
        elif name == "hirescam":
            total += slopes * values
        elif name == "layercam":
            total += np.where(slopes > 0, slopes, 0) * values
        elif name == "grad_cam_elementwise":
            total += np.where(slopes * values > 0, slopes * values, 0)
        elif name == "xgrad_cam":
            summed = values.sum()
            if abs(summed) >= 1e-6 * abs(values).sum() and summed != 0:
                total += (slopes * values / summed).sum() * values
        else:
            summed = values.sum()
            weight = 0.0
            for slope in slopes.flat:
                # As printed: the alpha of equation 19 times the ReLU of the gradient.
                divisor = 2 * slope**2 + summed * slope**3
                if slope > 0 and abs(divisor) >= 1e-6 * slope**2:
                    weight += slope**2 / divisor * slope
            total += weight * values
    return total


def close(found: Tensor, expected: Array, tolerance: float = 1e-4) -> bool:
    assert found.dtype is torch.float32
    assert found.shape == expected.shape
    largest = float(np.abs(expected).max())
    assert largest > 0, "zero says nothing"
    return float(np.abs(found.double().numpy() - expected).max()) <= tolerance * largest


def given(a: Tensor, g: Tensor | None, layout: Layout = Layout.CHANNELS_FIRST) -> MethodInput:
    return MethodInput(a, g, layout)


def pair(
    seed: int, shape: tuple[int, int, int] = (17, 6, 5), signed: bool = True, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(shape, generator=generator)
    g = torch.randn(shape, generator=generator) * scale
    return (a if signed else a.relu()), g


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e-5], ids=["large", "small"])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "after-relu"])
def test_the_formula(function: Function, kind: torch.dtype, scale: float, signed: bool) -> None:
    for seed in range(5):
        a, g = pair(seed, signed=signed, scale=scale)
        found = function(given(a.to(kind), g.to(kind)))
        expected = by_hand(function.__name__, a.double().numpy(), g.double().numpy())
        assert close(found.map, expected)
        assert bool(found.anything)
        assert [counted.sentence() for counted in found.counts] == [""] * len(found.counts)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_the_formula_in_several_pieces(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ELEMENTS", 100)
    a, g = pair(1)
    assert len(list(blocks.channel_blocks(a))) == 6
    found = function(given(a, g))
    expected = by_hand(function.__name__, a.double().numpy(), g.double().numpy())
    assert close(found.map, expected)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
@pytest.mark.parametrize("layout", [Layout.CHANNELS_LAST, Layout.TOKENS])
def test_views_of_memory_in_another_order(function: Function, layout: Layout) -> None:
    """As of (1, h, w, C), and as of (1, 3 + h * w, C) without its first three tokens."""
    a, g = pair(2)
    expected = function(given(a, g)).map.double().numpy()

    def viewed(values: Tensor) -> Tensor:
        last = values.permute(1, 2, 0)
        if layout is Layout.CHANNELS_LAST:
            return last.contiguous().permute(2, 0, 1)
        tokens = torch.cat([torch.full((3, 17), 1e3), last.reshape(30, 17)])[None]
        return tokens[0, 3:].reshape(6, 5, 17).permute(2, 0, 1)

    views = viewed(a), viewed(g)
    assert not views[0].is_contiguous()
    found = function(given(*views, layout))
    assert close(found.map, expected, 1e-5)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
@pytest.mark.parametrize("layout", list(Layout))
def test_a_gradient_of_zero(function: Function, layout: Layout) -> None:
    a, _ = pair(3)
    found = function(given(a, torch.zeros_like(a), layout))
    assert found.anything.dtype is torch.bool
    assert not found.anything
    assert torch.equal(found.map, torch.zeros(6, 5))
    assert all(counted.sentence() == "" for counted in found.counts)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_a_missing_gradient_is_a_defect_of_the_caller(function: Function) -> None:
    with pytest.raises(ValueError, match="gradient"):
        function(given(torch.ones(2, 3, 3), None))


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_nothing_is_written_into_and_nothing_stays_on_the_graph(function: Function) -> None:
    a, g = pair(4)
    before = a.clone(), g.clone()
    found = function(given(a.requires_grad_(), g))
    assert not found.map.requires_grad
    assert torch.equal(a, before[0])
    assert torch.equal(g, before[1])


@pytest.mark.parametrize(
    "function", [f for f in ALL if f is not gradient.grad_cam_elementwise], ids=lambda f: f.__name__
)
def test_signed_maps_go_below_zero(function: Function) -> None:
    assert function(given(*pair(5))).map.min() < 0


def test_the_element_wise_map_does_not() -> None:
    assert gradient.grad_cam_elementwise(given(*pair(5))).map.min() >= 0


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_only_negative_gradients_are_not_nothing(function: Function) -> None:
    """The map may be zero for want of anything positive, which is another verdict."""
    a, g = pair(6, signed=False)
    assert bool(function(given(a, -g.abs() - 0.1)).anything)


def test_gradients_of_a_sequence_that_cancel_out() -> None:
    """What is left of their mean is rounding; for an image it would be taken as it is."""
    a, g = pair(7)
    g = g - g.mean(dim=(1, 2), keepdim=True)
    assert g.mean(dim=(1, 2)).any(), "nothing was left over"
    tokens = gradient.grad_cam(given(a, g, Layout.TOKENS))
    assert not tokens.anything
    assert torch.equal(tokens.map, torch.zeros(6, 5))
    assert bool(gradient.grad_cam(given(a, g)).anything)
    # Cell by cell nothing cancels out.
    assert bool(gradient.hirescam(given(a, g, Layout.TOKENS)).anything)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("shape", [(64, 7, 5), (13, 40, 41), (256, 14, 14)], ids=str)
def test_grad_cam_is_one_product_to_the_last_bit(
    layout: Layout, shape: tuple[int, int, int]
) -> None:
    """Cells times mean gradients, in the order in which the layer's own memory has them."""
    channels, rows, columns = shape
    a, g = pair(11, shape)
    if layout is Layout.CHANNELS_FIRST:
        cells = a.flatten(1).t()
    else:
        a, g = (part.permute(1, 2, 0).contiguous() for part in (a, g))
        cells = a.view(rows * columns, channels)
        a, g = a.permute(2, 0, 1), g.permute(2, 0, 1)
    expected = torch.mv(cells, g.mean(dim=(1, 2))).view(rows, columns)
    assert torch.equal(gradient.grad_cam(given(a, g, layout)).map, expected)


class PooledHead(nn.Module):
    """A convolution, global average pooling and one linear layer: what CAM was defined for."""

    def __init__(self, rectified: bool) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 12, 3, padding=1)
        self.last: nn.Module = nn.ReLU() if rectified else nn.Identity()
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(self.features(x)).mean(dim=(2, 3)))
        return logits


def pooled(rectified: bool) -> tuple[MethodInput, Array, Array]:
    """The layer before the pooling, for class 2: its input, A (C, h, w), the weights W_k."""
    torch.manual_seed(8)
    network = PooledHead(rectified)
    a, g = reference_activation_and_gradient(network, torch.randn(1, 3, 7, 9), "last", 2)
    weights = network.head.weight[2].detach().double().numpy()
    return given(a[0], g[0]), a[0].double().numpy(), weights


@pytest.mark.parametrize("rectified", [True, False], ids=["after-relu", "signed"])
@pytest.mark.parametrize("function", [gradient.grad_cam, gradient.hirescam, gradient.xgrad_cam])
def test_a_pooled_head_gives_cam(function: Function, rectified: bool) -> None:
    """G is W_k / Z everywhere: Grad-CAM, HiResCAM and XGrad-CAM are cam / Z."""
    layer, a, weights = pooled(rectified)
    cam = np.einsum("k,kij->ij", weights, a)
    assert close(function(layer).map * 63, cam)


@pytest.mark.parametrize("rectified", [True, False], ids=["after-relu", "signed"])
def test_a_pooled_head_in_grad_cam_plus_plus(rectified: bool) -> None:
    layer, a, weights = pooled(rectified)
    slopes, sums = weights / 63, a.sum(axis=(1, 2))
    own = 63 * np.maximum(slopes, 0) / (2 + sums * slopes)
    assert close(gradient.grad_cam_plus_plus(layer).map, np.einsum("k,kij->ij", own, a))


LAYERS = ["0", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("layer", LAYERS)
def test_hirescam_sums_to_the_score_without_biases(layer: str) -> None:
    torch.manual_seed(9)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 3 * 3, 10, bias=False),
    ).eval()
    picture = torch.randn(1, 3, 17, 17)
    with torch.no_grad():
        scores = network(picture)[0]
    target = int(scores.abs().argmax())
    a, g = reference_activation_and_gradient(network, picture, layer, target)
    summed = float(gradient.hirescam(given(a[0], g[0])).map.sum())
    assert summed == pytest.approx(float(scores[target]), rel=1e-4)
    # Grad-CAM has no such property here, or this would say nothing about HiResCAM.
    other = float(gradient.grad_cam(given(a[0], g[0])).map.sum())
    assert other != pytest.approx(float(scores[target]), rel=1e-2)


def test_layercam_and_element_wise_by_numbers() -> None:
    a = torch.tensor([[[1.0, -2.0]], [[3.0, 4.0]]])
    g = torch.tensor([[[-1.0, -3.0]], [[0.5, 2.0]]])
    assert gradient.hirescam(given(a, g)).map.tolist() == [[0.5, 14.0]]
    assert gradient.layercam(given(a, g)).map.tolist() == [[1.5, 8.0]]
    assert gradient.grad_cam_elementwise(given(a, g)).map.tolist() == [[1.5, 14.0]]


def test_xgrad_cam_leaves_out_channels_that_cancel_and_counts_them() -> None:
    """Of four channels: one that cancels out, one that nearly does, one of zeros, one plain."""
    spread = torch.tensor([[1.0, -1.0], [2.0, -2.0]])
    nearly = torch.tensor([[1.0, -1.0], [2.0, -2.0 + 2e-6]])
    plain = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    a = torch.stack([spread, nearly, torch.zeros(2, 2), plain])
    g = torch.ones(4, 2, 2) * torch.tensor([[5.0, 1.0], [1.0, 1.0]])
    found = gradient.xgrad_cam(given(a, g))
    (counted,) = found.counts
    assert int(counted.count) == 2
    assert counted.sentence().startswith("2 channels")
    assert close(found.map, 14 / 10 * plain.double().numpy(), 1e-6)
    (single,) = gradient.xgrad_cam(given(a[[0, 3]], g[[0, 3]])).counts
    assert single.sentence().startswith("1 channel was")


def test_xgrad_cam_keeps_channels_that_are_just_large_enough() -> None:
    a = torch.tensor([[[1.0, -1.0 + 1e-5]]], dtype=torch.float64)
    g = torch.tensor([[[1.0, 3.0]]], dtype=torch.float64)
    found = gradient.xgrad_cam(given(a, g))
    assert int(found.counts[0].count) == 0
    assert close(found.map, by_hand("xgrad_cam", a.numpy(), g.numpy()))


def test_grad_cam_plus_plus_leaves_out_its_pole_and_counts_it() -> None:
    """S is -2; of four cells one has a gradient of 1, where 2 + S G is zero."""
    a = torch.tensor([[[-4.0, 1.0], [0.5, 0.5]]])
    g = torch.tensor([[[1.0, 0.5], [-1.0, 3.0]]])
    found = gradient.grad_cam_plus_plus(given(a, g))
    (counted,) = found.counts
    assert int(counted.count) == 1
    assert counted.sentence().startswith("1 value was")
    weight = 0.5 / (2 - 2 * 0.5) + 3 / (2 - 2 * 3)
    assert close(found.map, weight * a[0].double().numpy(), 1e-6)


def test_grad_cam_plus_plus_on_both_sides_of_the_pole() -> None:
    for away in (1e-4, -1e-4):
        a = torch.full((1, 1, 2), -1.0, dtype=torch.float64)
        g = torch.tensor([[[1 + away, 0.0]]], dtype=torch.float64)
        found = gradient.grad_cam_plus_plus(given(a, g))
        assert int(found.counts[0].count) == 0
        assert close(found.map, -(1 + away) / (-2 * away) * np.ones((1, 2)))
    # A gradient that falls has no term, and so no pole.
    falling = gradient.grad_cam_plus_plus(given(-a, -torch.ones_like(a)))
    assert int(falling.counts[0].count) == 0
    assert not falling.map.any()


@pytest.mark.parametrize("function", [gradient.xgrad_cam, gradient.grad_cam_plus_plus])
def test_sums_that_float32_would_lose(function: Function) -> None:
    """Values that cancel to a 10,000th part of themselves, under a fraction line."""
    generator = torch.Generator().manual_seed(10)
    a = torch.randn(6, 40, 40, generator=generator) * 300
    a = a - a.mean(dim=(1, 2), keepdim=True) + 0.02
    g = torch.randn(6, 40, 40, generator=generator)
    found = function(given(a, g))
    assert int(found.counts[0].count) == 0
    expected = by_hand(function.__name__, a.double().numpy(), g.double().numpy())
    assert close(found.map, expected)


@pytest.mark.parametrize("function", [gradient.xgrad_cam, gradient.grad_cam_plus_plus])
def test_a_device_without_float64(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient, "widest", lambda _: torch.float32)
    a, g = pair(12, signed=False)
    expected = by_hand(function.__name__, a.double().numpy(), g.double().numpy())
    assert close(function(given(a, g)).map, expected)


def test_which_devices_are_without_float64() -> None:
    assert blocks.widest(torch.device("mps")) is torch.float32
    assert blocks.widest(torch.device("cpu")) is torch.float64
    assert blocks.widest(torch.device("cuda", 0)) is torch.float64
