"""Layers with their weights in oneDNN's order for the gradient: the same output, and maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.explain.session import Session
from engine.model import Model
from engine.passes.below.own_gradients import own_gradients
from engine.rewriting.packed import available
from engine.rewriting.packed_gradient import PackedGradient, pays
from tests.engine.networks import IMAGE, model_of, seeded

pytestmark = pytest.mark.skipif(not available(), reason="this torch has no oneDNN operations")

LAYERS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Conv2d(16, 24, 3, padding=1), (1, 16, 5, 6)),
    (nn.Conv2d(16, 24, 3, padding=1, bias=False), (3, 16, 5, 6)),
    (nn.Conv2d(16, 24, 1), (1, 16, 4, 4)),
    (nn.Conv2d(16, 24, 1, stride=2), (1, 16, 5, 6)),
    (nn.Conv2d(16, 24, 3, stride=2, padding=1), (1, 16, 6, 6)),
    (nn.Conv2d(16, 24, 3, stride=2, padding=1), (1, 16, 5, 7)),
    (nn.Conv2d(16, 24, (3, 5), padding=(1, 2), dilation=(2, 1)), (1, 16, 8, 5)),
    (nn.Conv2d(16, 24, 4, stride=3), (1, 16, 9, 6)),
    (nn.Linear(40, 30), (1, 5, 40)),
    (nn.Linear(40, 30), (5, 40)),
    (nn.Linear(40, 30), (1, 2, 3, 40)),
]


def gradients(module: nn.Module, shape: tuple[int, ...], times: int = 1) -> list[Tensor]:
    """The output, and the gradient with respect to the input for several gradients of it."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(shape, generator=generator).requires_grad_()
    y = module(x)
    found = [y.detach()]
    for _ in range(times):
        along = torch.randn(y.shape, generator=generator)
        found.append(torch.autograd.grad(y, x, along, retain_graph=True)[0])
    return found


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_output_and_gradients_are_those_of_the_layer(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    own = gradients(layer, shape, 3)
    form = PackedGradient(layer, shape)
    output, first, *later = gradients(form, shape, 3)
    assert torch.equal(output, own[0])
    # The first is compared with torch's own, which is the one that is passed on.
    assert torch.equal(first, own[1])
    for found, expected in zip(later, own[2:], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=5e-6 * float(expected.abs().max()))
        assert found.is_contiguous() == expected.is_contiguous()
    with own_gradients():
        for found, expected in zip(gradients(form, shape, 3), own, strict=True):
            assert torch.equal(found, expected)


def test_the_other_way_is_taken_only_where_torch_s_own_is_not_asked_for() -> None:
    layer, shape = LAYERS[0]
    taken: list[str] = []

    class Watched(PackedGradient):
        def other(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
            taken.append("other")
            return super().other(gradient, shape)

    form = Watched(layer, shape)
    with own_gradients():
        gradients(form, shape)
    with own_gradients(False):
        gradients(form, shape)
    assert taken == ["other"]


def test_a_gradient_that_differs_is_not_used_again(caplog: pytest.LogCaptureFixture) -> None:
    layer, shape = LAYERS[0]

    class Wrong(PackedGradient):
        def _conv(self, gradient: Tensor) -> Tensor:
            return super()._conv(gradient) * 1.0001

    form = Wrong(layer, shape)
    with caplog.at_level("INFO", "engine.rewriting.packed_gradient"):
        found = gradients(form, shape, 3)
    for one, own in zip(found, gradients(layer, shape, 3), strict=True):
        assert torch.equal(one, own)
    assert "torch's own" in caplog.text
    assert not form.suits(torch.empty(shape))


def test_it_can_be_derived_twice() -> None:
    layer, shape = LAYERS[4]
    found = []
    for module in (layer, PackedGradient(layer, shape)):
        x = torch.linspace(-1, 1, 16 * 36).view(shape).requires_grad_()
        (once,) = torch.autograd.grad(module(x).pow(3).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(once.pow(2).sum(), x)[0])
    assert torch.equal(found[0], found[1])


def test_other_kinds_of_numbers_are_the_layers_own() -> None:
    layer = nn.Linear(40, 30).double()
    x = torch.ones(5, 40, dtype=torch.float64, requires_grad=True)
    assert not PackedGradient(layer, (5, 40)).suits(x)


def test_which_layers_are_worth_it() -> None:
    assert pays(nn.Conv2d(512, 512, 3, padding=1), (1, 512, 7, 7))
    assert not pays(nn.Conv2d(256, 256, 3, padding=1), (1, 256, 56, 56))
    assert not pays(nn.Conv2d(64, 64, 3, padding=1), (1, 64, 7, 7))
    assert not pays(nn.Conv2d(512, 512, 3, padding=1, groups=2), (1, 512, 7, 7))
    # Its gradient is no convolution: the padding is wider than the kernel reaches.
    assert not pays(nn.Conv2d(512, 512, 3, padding=3), (1, 512, 7, 7))
    assert pays(nn.Linear(768, 3072), (1, 49, 768))
    assert not pays(nn.Linear(384, 1536), (1, 3136, 384))
    assert not pays(nn.Linear(768, 3072), (1, 768))
    assert not pays(nn.ReLU(), (1, 3, 4, 4))


class _Network(nn.Module):
    """Norms before ReLUs, where numbers cancel out, and layers with many weights for few cells."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 160, 5, stride=4), nn.BatchNorm2d(160), nn.ReLU())
        self.middle = nn.Sequential(
            nn.Conv2d(160, 192, 3, padding=1), nn.BatchNorm2d(192), nn.ReLU(inplace=True)
        )
        self.last = nn.Sequential(nn.Conv2d(192, 224, 3, padding=1), nn.BatchNorm2d(224), nn.ReLU())
        self.fc = nn.Linear(224, 4)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.last(self.middle(self.stem(x))).mean((2, 3)))


METHODS = ("grad-cam", "grad-cam++", "xgrad-cam", "hirescam", "layercam", "shapleycam")


def maps_of(model: Model, *, exact: bool) -> dict[tuple[str, str], np.ndarray]:
    """The map of every layer by each method, changing the method on each layer, then the sweeps."""
    found = {}
    with Session(model, IMAGE, exact=exact) as session:
        session.explain("last.2", 1)
        for layer in ("stem.1", "middle.0", "middle.1", "last.0", "last.1", "last.2"):
            for method in METHODS:
                found[layer, method] = session.explain(layer, 1, method=method).map
    for method in ("grad-cam", "grad-cam++"):
        with Session(model, IMAGE, exact=exact) as session:
            for layer, one in session.sweep(1, method=method).items():
                found[f"swept {layer}", method] = one.map
    return found


def test_maps_by_way_of_it_are_the_networks_own() -> None:
    model = model_of(seeded(_Network))
    own = maps_of(model, exact=True)
    for _ in range(3):
        for key, found in maps_of(model, exact=False).items():
            assert abs(found - own[key]).max() <= 1e-4 * abs(own[key]).max(), key
    apart = model.faster.apart(1 << 30)
    assert apart is not None
    used = apart.module.get_submodule("last.0")
    assert isinstance(used, PackedGradient)
    assert used._weight is not None


def test_it_takes_no_more_than_its_share_of_memory() -> None:
    """The first of the two layers has 276,480 weights of 4 bytes, the second 387,072."""
    model = model_of(seeded(_Network))
    assert model.faster.apart(4 * 1_500_000) is None
    apart = model.faster.apart(4 * 1_500_000)
    assert apart is not None
    kinds = [type(apart.module.get_submodule(name)) for name in ("middle.0", "last.0")]
    assert kinds == [PackedGradient, nn.Conv2d]
    assert model.faster.bytes == 4 * 276_480


def test_a_steep_method_takes_no_forward_pass_after_another_one() -> None:
    """Where rounding decides on its map, a backward pass through torch's own layers is enough."""
    model = model_of(seeded(_Network))
    passes: list[object] = []
    for _ in range(3):
        with Session(model, IMAGE) as session:
            session.sweep(1)
            handle = model.module.fc.register_forward_hook(lambda *_: passes.append(1))
            session.explain("middle.1", 1, method="hirescam")
            for method in ("grad-cam++", "xgrad-cam"):
                session.explain("middle.1", 1, method=method)
            handle.remove()
    assert not passes
