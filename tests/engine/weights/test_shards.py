"""Weights in several files: opened by their index, and told apart by the content of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import engine
from engine.errors import ModelError, WeightsError
from engine.files.trust import Trust
from engine.weights.state_dicts import checksum
from tests.engine.classifiers import build

PYTHON = """from torchvision.models import resnet

class Net(resnet.ResNet):
    def __init__(self, num_classes=3):
        super().__init__(resnet.BasicBlock, [2, 2, 2, 2], num_classes)
"""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build("resnet18", classes=3)


def sharded(state: dict[str, Tensor], folder: Path, suffix: str = ".safetensors") -> Path:
    """Write three files and their index; returns the index."""
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    where: dict[str, str] = {}
    for part in range(3):
        name = f"{stem}-{part + 1:05d}-of-00003{suffix}"
        kept = {k: state[k].contiguous() for place, k in enumerate(state) if place % 3 == part}
        (save_file if suffix == ".safetensors" else torch.save)(kept, folder / name)
        where |= dict.fromkeys(kept, name)
    index = folder / f"{stem}{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return index


def same(model: engine.Model, network: nn.Module) -> None:
    picture = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("by_folder", [False, True])
def test_as_the_weights_of_a_name_and_of_a_python_file(
    tmp_path: Path, network: nn.Module, suffix: str, by_folder: bool
) -> None:
    index = sharded(dict(network.state_dict()), tmp_path, suffix)
    given = tmp_path if by_folder else index
    same(engine.load_model("resnet18", given, device="cpu"), network)
    same(engine.load_model(given, device="cpu", architecture="resnet18"), network)
    file = tmp_path / "own" / "net.py"
    file.parent.mkdir()
    file.write_text(PYTHON)
    same(engine.load_model(file, given, device="cpu", trust=Trust(named=(file,))), network)


def test_beside_a_python_file(tmp_path: Path, network: nn.Module) -> None:
    sharded(dict(network.state_dict()), tmp_path)
    file = tmp_path / "net.py"
    file.write_text(PYTHON)
    model = engine.load_model(file, device="cpu", trust=Trust(named=(file,)))
    same(model, network)
    assert "model.safetensors.index.json" in " ".join(model.info.notices)


@pytest.mark.parametrize("part", ["00001", "00003"])
def test_a_changed_file_is_another_model(tmp_path: Path, network: nn.Module, part: str) -> None:
    """A profile is kept under this checksum."""
    state = dict(network.state_dict())
    index = sharded(state, tmp_path)
    opened = [engine.load_model(p, device="cpu").info.weights_sha256 for p in (index, tmp_path)]
    before = checksum(index)
    assert opened == [before, before]
    shard = tmp_path / f"model-{part}-of-00003.safetensors"
    kept = {k: t for place, (k, t) in enumerate(state.items()) if place % 3 == int(part) - 1}
    first = next(key for key, tensor in kept.items() if tensor.is_floating_point())
    save_file({**kept, first: kept[first] + 1}, shard)
    assert checksum(index) != before
    assert engine.load_model(index, device="cpu").info.weights_sha256 == checksum(index)


def test_what_is_missing_or_points_elsewhere_is_named(tmp_path: Path, network: nn.Module) -> None:
    index = sharded(dict(network.state_dict()), tmp_path)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    for load in (lambda: engine.load_model(index), lambda: engine.load_model("resnet18", index)):
        with pytest.raises(WeightsError, match=r"1 of 3 weights files .* \(model-00002-of-00003"):
            load()
    for content in ("", "[]", "{}", '{"weight_map": {"w": "../secret.pth"}}', "[" * 99999):
        index.write_text(content)
        with pytest.raises(ModelError, match="download it again"):
            engine.load_model("resnet18", index, device="cpu")
