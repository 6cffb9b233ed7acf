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

from engine.errors import ModelError, WeightsError
from engine.formats.huggingface.adapters import open_adapter
from engine.formats.network import Network


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
