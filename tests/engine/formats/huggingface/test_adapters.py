"""LoRA adapters: merged into their base as W + alpha / r B A, or named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import engine
from engine.errors import ModelError, WeightsError
from engine.formats.huggingface.adapters import open_adapter
from engine.formats.network import Network
from tests.engine.classifiers import build


class Base(nn.Module):
    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.hidden = nn.Linear(6, 5)
        self.classifier = nn.Linear(5, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.hidden(self.conv(x).mean((2, 3)))
        return self.classifier(hidden.relu())


TENSORS = {
    "conv.lora_A.weight": torch.randn(2, 3, 3, 3),
    "conv.lora_B.weight": torch.randn(6, 2, 1, 1),
    "hidden.lora_A.weight": torch.randn(2, 6),
    "hidden.lora_B.weight": torch.randn(5, 2),
}


def _write(folder: Path, tensors: dict[str, torch.Tensor], **config: Any) -> Path:
    adapter = folder / "adapter"
    adapter.mkdir()
    (folder / "base").mkdir()
    (folder / "base" / "config.json").write_text("{}")
    told = {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "base_model_name_or_path": "some/base"}
    (adapter / "adapter_config.json").write_text(json.dumps(told | config))
    named = {f"base_model.model.{key}": tensor for key, tensor in tensors.items()}
    save_file(named, adapter / "adapter_model.safetensors")
    return adapter


@pytest.mark.parametrize(("stabilised", "scale"), [(False, 3.0), (True, 6 / math.sqrt(2))])
def test_the_merged_network_computes_base_plus_adapter(
    tmp_path: Path, stabilised: bool, scale: float
) -> None:
    base = Base().eval()
    picture = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        low = nn.functional.conv2d(picture, TENSORS["conv.lora_A.weight"])
        conv = base.conv(picture) + scale * nn.functional.conv2d(low, TENSORS["conv.lora_B.weight"])
        x = conv.mean((2, 3))
        low = x @ TENSORS["hidden.lora_A.weight"].T
        hidden = base.hidden(x) + scale * low @ TENSORS["hidden.lora_B.weight"].T
        wanted = base.classifier(hidden.relu())
    folder = _write(tmp_path, TENSORS, use_rslora=stabilised)
    opened: list[Path] = []

    def open_base(path: Path) -> Network:
        opened.append(path)
        return Network(base, "Base", "base", classes=("a", "b"))

    network = open_adapter(folder, open_base)
    assert opened == [tmp_path / "base"]
    assert network.classes == ("a", "b")
    with torch.no_grad():
        assert torch.allclose(network.module(picture), wanted, rtol=1e-5, atol=1e-5)


def test_a_classifier_that_was_trained_with_it(tmp_path: Path) -> None:
    own = {"classifier.weight": torch.randn(4, 5), "classifier.bias": torch.randn(4)}
    folder = _write(tmp_path, own)
    base = Network(Base(), "Base", "base", classes=("a", "b"))
    network = open_adapter(folder, lambda _: base)
    assert network.classes == ()
    assert torch.equal(network.module.classifier.weight, own["classifier.weight"])  # type: ignore[union-attr]
    assert network.module(torch.randn(1, 3, 8, 8)).shape == (1, 4)


def _never(path: Path) -> Network:
    raise AssertionError(path)


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    folder = _write(tmp_path, TENSORS, use_dora=True)
    with pytest.raises(ModelError, match="use_dora; merge it"):
        open_adapter(folder, _never)


@pytest.mark.parametrize("named", ["/etc/elsewhere", "..", "\\\\host\\share\\net", "a/b", None])
def test_the_base_is_looked_for_beside_the_adapter_only(tmp_path: Path, named: str | None) -> None:
    folder = _write(tmp_path, TENSORS, base_model_name_or_path=named)
    with pytest.raises(ModelError, match=r"a LoRA adapter for .*; merge it"):
        open_adapter(folder, _never)


def test_an_adapter_of_another_network(tmp_path: Path) -> None:
    folder = _write(tmp_path, {f"other.{key}": tensor for key, tensor in TENSORS.items()})
    base = Network(Base(), "Base", "base")
    with pytest.raises(WeightsError, match="does not fit its network"):
        open_adapter(folder, lambda _: base)


LAYERS = ("layer1.0.conv1", "layer4.1.conv2", "fc")


def _adapted(scales: dict[str, float]) -> tuple[nn.Module, nn.Module, dict[str, torch.Tensor]]:
    """A ResNet-18, the same with merged changes, and the changes under peft's names."""
    base, merged = (build("resnet18", classes=3) for _ in range(2))
    generator = torch.Generator().manual_seed(4)
    tensors: dict[str, torch.Tensor] = {}
    for rank, name in enumerate(LAYERS, start=2):
        layer: Any = merged.get_submodule(name)
        out, inner, *kernel = layer.weight.shape
        a = 0.05 * torch.randn(rank, inner, *kernel, generator=generator)
        b = 0.05 * torch.randn(out, rank, *(1 for _ in kernel), generator=generator)
        tensors |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
        change = torch.einsum("or,r...->o...", b.double().flatten(1), a.double())
        with torch.no_grad():
            layer.weight.copy_(layer.weight.double() + scales[name] / rank * change)
    return base, merged, tensors


def _same(folder: Path, network: nn.Module, **options: Any) -> engine.Model:
    model = engine.load_model(folder, device="cpu", **options)
    picture = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-4, atol=1e-5)
    return model


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("base.pth", "base.pth"),
        ("someone/base.pth", "base.pth"),
        ("someone/base", "base.pth"),
        (None, "weights.pt"),
        (None, "adapter/base.pth"),
    ],
)
def test_a_base_that_is_a_weights_file(tmp_path: Path, named: str | None, place: str) -> None:
    base, merged, tensors = _adapted(dict.fromkeys(LAYERS, 6.0))
    folder = _write(tmp_path, tensors, base_model_name_or_path=named)
    (tmp_path / "base" / "config.json").unlink()
    torch.save({"state_dict": base.state_dict(), "classes": ["a", "b", "c"]}, tmp_path / place)
    model = _same(folder, merged)
    assert model.classes == ("a", "b", "c")
    assert f"merged into {Path(place).name}" in " ".join(model.info.notices)
    _same(folder / "adapter_model.safetensors", merged, architecture="resnet18")
    before = model.info.weights_sha256
    torch.save(merged.state_dict(), tmp_path / place)
    assert engine.load_model(folder, device="cpu").info.weights_sha256 != before


def test_layers_with_an_alpha_of_their_own(tmp_path: Path) -> None:
    scales = {"layer1.0.conv1": 3.0, "layer4.1.conv2": 6.0, "fc": 10.0}
    base, merged, tensors = _adapted(scales)
    patterns = {"conv1": 3, "^fc": 10, "^conv2": 99}
    folder = _write(tmp_path, tensors, alpha_pattern=patterns, rank_pattern={"fc": 4, "conv2": 3})
    (tmp_path / "base" / "config.json").unlink()
    torch.save(base.state_dict(), tmp_path / "base.pth")
    _same(folder, merged)


def test_of_two_weights_files_none_is_guessed(tmp_path: Path) -> None:
    base, _, tensors = _adapted(dict.fromkeys(LAYERS, 6.0))
    folder = _write(tmp_path, tensors, base_model_name_or_path=None)
    (tmp_path / "base" / "config.json").unlink()
    for name in ("one.pth", "two.pth"):
        torch.save(base.state_dict(), tmp_path / name)
    with pytest.raises(ModelError, match="put that network's weights beside it"):
        engine.load_model(folder, device="cpu")


def test_a_pattern_that_is_more_than_a_name(tmp_path: Path) -> None:
    folder = _write(tmp_path, TENSORS, alpha_pattern={"(a+)+$": 3})
    with pytest.raises(ModelError, match="alpha_pattern; merge it"):
        open_adapter(folder, _never)
