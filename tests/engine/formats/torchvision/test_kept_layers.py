"""Classifiers that keep the architecture's first layers: their activations are the architecture's.

Each network is built by torchvision and changed as its users do; what opens must give its logits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import engine
from engine.lazy import torchvision
from tests.engine.classifiers import build

Change = Callable[[nn.Module], None]
L, R, D, B = nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d


def _refilled(network: nn.Module) -> nn.Module:
    """Weights and moments that are not the initial ones, so that a missing layer would show."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.is_floating_point():
                fan = max(1, tensor[0].numel()) if tensor.ndim > 1 else 4
                tensor.normal_(0.5 if tensor.ndim == 1 else 0.0, fan**-0.5, generator=generator)
    return network.eval()


def _put(place: str, *layers: nn.Module) -> Change:
    made = layers[0] if len(layers) == 1 else nn.Sequential(*layers)
    return lambda network: network.set_submodule(place, made)


def _at_end(*layers: nn.Module, keep: int | None = -1) -> Change:
    """The classifier's own layers, without the last, then these."""

    def change(network: nn.Module) -> None:
        own = list(network.classifier.children())[:keep]  # type: ignore[union-attr]
        network.classifier = nn.Sequential(*own, *layers)

    return change


def _resized(network: nn.Module) -> None:
    network.set_submodule("classifier.0", L(576, 100))
    network.set_submodule("classifier.3", L(100, 3))


def _opened(network: nn.Module, path: Path, side: int = 64) -> str:
    """What is said of the opened network, which gives the logits of the given one."""
    if path.suffix == ".safetensors":
        state = {k: t.contiguous() for k, t in sorted(network.state_dict().items())}
        save_file(state, path)
    else:
        torch.save(network.state_dict(), path)
    model = engine.load_model(path, device="cpu")
    picture = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted, found = network(picture), model.module(picture)
    assert wanted.std() > 1e-3
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    return " ".join(model.info.notices)


# Architecture, change, side of the picture, what is said.
KEPT: dict[str, tuple[str, Callable[[], Change], int, str]] = {
    "two new layers": (
        "mobilenet_v3_small",
        lambda: _at_end(L(1024, 64), R(), L(64, 3)),
        64,
        "as in the architecture after classifier.0, with ReLU after classifier.3",
    ),
    "dropout before them": (
        "mobilenet_v3_small",
        lambda: _at_end(D(), L(1024, 64), R(), D(), L(64, 3)),
        64,
        "as in the architecture after classifier.0, with ReLU after classifier.4",
    ),
    "no room between them": (
        "mobilenet_v3_small",
        lambda: _at_end(L(1024, 64), L(64, 3)),
        64,
        "without an activation between the others",
    ),
    "a norm before the last": (
        "mobilenet_v3_small",
        lambda: _at_end(B(1024), L(1024, 3)),
        64,
        "as in the architecture after classifier.0",
    ),
    "more after all of them": (
        "mobilenet_v3_small",
        lambda: _at_end(R(), L(1000, 3), keep=None),
        64,
        "after classifier.0, with ReLU after classifier.3",
    ),
    "other sizes": ("mobilenet_v3_small", lambda: _resized, 64, "as in the architecture"),
    "one in place of two": (
        "mobilenet_v3_small",
        lambda: _put("classifier", L(576, 3)),
        64,
        "1 linear layer (classifier: 576 to 3); the architecture's has 2 linear layers",
    ),
    "three of AlexNet's": (
        "alexnet",
        lambda: _at_end(L(4096, 64), R(), L(64, 3)),
        96,
        "after classifier.1, classifier.4, with ReLU after classifier.6",
    ),
    "Tanh": (
        "maxvit_t",
        lambda: _at_end(L(512, 64), R(), L(64, 3)),
        224,
        "as in the architecture after classifier.3, with ReLU after classifier.5",
    ),
    "a norm before a flattening": (
        "convnext_tiny",
        lambda: _at_end(L(768, 16), R(), L(16, 3)),
        64,
        "with ReLU between them",
    ),
    "only dropout added": ("convnext_tiny", lambda: _at_end(D(), L(768, 3)), 64, "The head has"),
    "dropout alone kept": (
        "efficientnet_b0",
        lambda: _at_end(L(1280, 64), R(), L(64, 3)),
        64,
        "with ReLU between them",
    ),
    "a vision transformer": (
        "vit_b_32",
        lambda: _put("heads", L(768, 64), R(), L(64, 3)),
        128,
        "with ReLU between them",
    ),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", KEPT)
def test_the_logits_are_those_of_the_writer(tmp_path: Path, kind: str, suffix: str) -> None:
    name, change, side, words = KEPT[kind]
    network = build(name, classes=1000)
    change()(network)
    assert words in _opened(_refilled(network), tmp_path / f"w{suffix}", side)


def test_what_stood_before_a_norm_is_not_made_up(tmp_path: Path) -> None:
    """Without ConvNeXt's norm, its flattening may be gone as well."""
    network = build("convnext_tiny")
    _put("classifier", nn.Flatten(), L(768, 3))(network)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(engine.errors.WeightsError, match="closest is convnext_tiny"):
        engine.load_model(tmp_path / "w.pth", device="cpu")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "layers",
    [
        {"hidden": L(512, 24), "act": R(), "answer": L(24, 3)},
        {"fc10": L(512, 24), "act": R(), "fc2": L(24, 3)},
        {"z": B(512), "fc": L(512, 24), "middle": B(24), "act": R(), "classes": L(24, 3)},
        {"fc2": L(512, 512), "a": R(), "fc10": L(512, 512), "b": R(), "fc11": L(512, 3)},
    ],
)
def test_named_layers_in_any_order(
    tmp_path: Path, layers: dict[str, nn.Module], suffix: str
) -> None:
    """The keys of a .safetensors file are sorted: the sizes tell the order, else the numbers."""
    network = build("resnet18")
    network.fc = nn.Sequential(OrderedDict(layers))
    said = _opened(_refilled(network), tmp_path / f"w{suffix}")
    assert "linear layers" in said
    assert "allow several orders" not in said


def test_an_order_that_sizes_leave_open_is_said(tmp_path: Path) -> None:
    network = build("resnet18")
    network.fc = nn.Sequential(OrderedDict(b=L(512, 512), a=L(512, 512), c=L(512, 3)))
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = engine.load_model(tmp_path / "w.pth", device="cpu")
    assert "several orders; assumed: fc.b, fc.a, fc.c" in " ".join(model.info.notices)


def test_every_difference_is_said(tmp_path: Path) -> None:
    for place, layer, words in (
        ("fc", L(512, 3, bias=False), "without a bias"),
        ("fc", nn.Sequential(nn.LayerNorm(512), L(512, 3)), "1 norm layer"),
        ("conv1", nn.Conv2d(3, 64, 7, 2, 3), "The first convolution has a bias"),
    ):
        network = build("resnet18", classes=3)
        network.set_submodule(place, layer)
        assert words in _opened(_refilled(network), tmp_path / "w.pth")


def _parts(*layers: nn.Module, drop: int = 1) -> Callable[[nn.Module], nn.Module]:
    return lambda network: nn.Sequential(*list(network.children())[:-drop], *layers)


POOL, FLAT = nn.AdaptiveAvgPool2d(1), nn.Flatten()


@pytest.mark.parametrize(
    ("name", "rebuilt"),
    [
        ("resnet18", _parts(FLAT, L(512, 3))),
        ("resnet18", _parts(FLAT, D(), L(512, 64), R(), L(64, 3))),
        ("resnet18", _parts(POOL, FLAT, L(512, 3), drop=2)),
        ("mobilenet_v2", _parts(POOL, FLAT, L(1280, 3))),
        ("efficientnet_b0", _parts(FLAT, L(1280, 3))),
        ("resnet18", lambda own: nn.Sequential(_parts()(own), FLAT, L(512, 3))),
    ],
)
def test_a_sequential_of_the_parts_with_a_head_after_them(
    tmp_path: Path, name: str, rebuilt: Callable[[nn.Module], nn.Module]
) -> None:
    said = _opened(_refilled(rebuilt(build(name))), tmp_path / "w.pth")
    assert "Sequential(*children)" in said


def test_a_sequential_that_lacks_an_activation_is_not_opened_as_the_network(tmp_path: Path) -> None:
    """DenseNet's own forward applies ReLU to its features."""
    features = build("densenet121").features
    network = nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), L(1024, 3))
    torch.save(network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(engine.errors.WeightsError, match="fit no torchvision"):
        engine.load_model(tmp_path / "w.pth", device="cpu")


@pytest.mark.parametrize("layers", [(), (D(), L(1024, 3)), (L(1024, 8), R(), L(8, 3))])
@pytest.mark.parametrize("auxiliary", [False, True])
def test_a_changed_head_leaves_the_input_alone(
    tmp_path: Path, layers: tuple[nn.Module, ...], auxiliary: bool
) -> None:
    """GoogLeNet renormalises its input if it was published so, which its auxiliary heads tell."""
    network = torchvision.load().models.get_model(
        *("googlenet",),
        weights=None,
        num_classes=3,
        init_weights=False,
        aux_logits=auxiliary,
        transform_input=not auxiliary,
    )
    if layers:
        network.fc = nn.Sequential(*layers)
    network.eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = engine.load_model(tmp_path / "w.pth", device="cpu")
    assert model.module.transform_input is not auxiliary  # type: ignore[comparison-overlap]
    said = " ".join(model.info.notices)
    assert f"transform_input={not auxiliary}" in said
    assert ("only training uses them: aux1" in said) == (auxiliary and bool(layers))
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-5, atol=1e-6)
