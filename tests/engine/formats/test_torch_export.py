"""Archives of torch.export: after consent, with the names, hooks and gradients of the original."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from engine.errors import ConsentNeeded, ModelError
from engine.files.trust import NOBODY, Trust
from engine.formats.torch_export import open_exported
from engine.loading.load import load_model, open_source
from engine.records.sources import ModelSource
from tests.engine.hostile.payloads import rewritten

TRUSTED = Trust(everything=True)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.drop = nn.Dropout()
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.blocks(x).mean((2, 3))))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.second(self.relu(self.first(x)))).mean((2, 3))


class Added(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x + y).mean((2, 3))


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, *, pixels: torch.Tensor) -> torch.Tensor:
        return self.conv(pixels).mean((2, 3))


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(module: nn.Module, *shape: int, **how: Any) -> Path:
        arguments = tuple(torch.randn(shape) for _ in range(how.pop("inputs", 1)))
        named = how.pop("named", None)
        given = (() if named else arguments, {named: arguments[0]} if named else None)
        path = tmp_path / "network.pt2"
        torch.export.save(torch.export.export(module, *given, **how), path)
        return path

    return saved


def test_it_computes_and_explains_what_the_original_does(save: Save) -> None:
    original = Network().eval()
    network = open_exported(save(original, 1, 3, 16, 16), trust=TRUSTED)
    x = torch.randn(1, 3, 16, 16)

    def gradient(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kept = []
        handle = module.get_submodule("blocks.1").register_forward_hook(
            lambda _module, _input, output: kept.append(output.clone()) or kept[-1]
        )
        logits = module(x)
        handle.remove()
        return logits, kept[0], torch.autograd.grad(logits[0, 2], kept[0])[0]

    for ours, wanted in zip(gradient(network.module), gradient(original), strict=True):
        assert torch.equal(ours, wanted)


def test_names_types_and_what_the_file_fixes(save: Save) -> None:
    path = save(Network().eval(), 1, 3, 16, 24)
    network = open_exported(path, trust=TRUSTED)
    names = {name: type(module).__name__ for name, module in network.module.named_modules()}
    assert names == {
        "": "Network",
        "blocks": "Sequential",
        "blocks.0": "Conv2d",
        "blocks.1": "BatchNorm2d",
        "blocks.2": "ReLU",
        "drop": "Dropout",
        "head": "Linear",
    }
    assert network.input_size == (16, 24)
    assert network.channels == 3
    assert (network.weights, network.title) == (str(path), "network")
    assert network.notices == ()


class Odd(nn.Module):
    """Grids that are not halves of each other: 47, 23, 21."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.next = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.next(self.pool(self.conv(x))).mean((2, 3))


def test_every_layer_of_a_fixed_size_is_offered(save: Save) -> None:
    path = save(Odd().eval(), 1, 3, 49, 49)
    model = open_source(ModelSource(str(path)), trust=TRUSTED)
    assert {node.name: node.grid for node in model.layers} == {
        "conv": (47, 47),
        "pool": (23, 23),
        "next": (21, 21),
    }
    assert model.info.default_layer == "next"


def test_a_module_that_is_called_twice_is_one_module(save: Save) -> None:
    original = Twice().eval()
    module = open_exported(save(original, 1, 3, 16, 16), trust=TRUSTED).module
    calls: list[object] = []
    module.get_submodule("relu").register_forward_hook(lambda *call: calls.append(call))
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(module(x), original(x))
    assert len(calls) == 2


def test_a_dynamic_batch_and_size(save: Save) -> None:
    sizes = {"x": {0: Dim("batch"), 2: Dim("rows", min=8), 3: Dim("columns", min=8)}}
    original = Network().eval()
    network = open_exported(save(original, 2, 3, 16, 16, dynamic_shapes=sizes), trust=TRUSTED)
    assert (network.input_size, network.channels) == (None, 3)
    x = torch.randn(1, 3, 40, 24)
    assert torch.equal(network.module(x), original(x))


def test_an_input_that_is_passed_by_name(save: Save) -> None:
    original = Named().eval()
    network = open_exported(save(original, 1, 3, 16, 16, named="pixels"), trust=TRUSTED)
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(network.module(x), original(pixels=x))


def test_training_mode_is_said(save: Save) -> None:
    network = open_exported(
        save(Network().train(), 2, 3, 16, 16, dynamic_shapes={"x": {0: Dim("batch")}}),
        trust=TRUSTED,
    )
    assert "training mode" in network.notices[0]


@pytest.mark.parametrize(
    ("module", "shape", "inputs", "words"),
    [
        (Network().eval(), (2, 3, 16, 16), 1, "fixed batch size of 2"),
        (Added(), (1, 3, 16, 16), 2, r"takes 2 inputs \(x, y\)"),
        (nn.Linear(8, 2), (1, 8), 1, "2 axes"),
    ],
)
def test_what_cannot_be_explained_is_said(
    save: Save, module: nn.Module, shape: tuple[int, ...], inputs: int, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        open_exported(save(module, *shape, inputs=inputs), trust=TRUSTED)


def test_consent_comes_first_even_for_what_could_not_be_opened(save: Save) -> None:
    path = rewritten(
        save(Network().eval(), 1, 3, 8, 8),
        lambda name, old: b"not a program" if name.endswith("model.json") else old,
    )
    with pytest.raises(ConsentNeeded):
        open_exported(path, trust=NOBODY)
    with pytest.raises(ModelError, match="cannot read it"):
        open_exported(path, trust=TRUSTED)


def test_an_archive_without_a_program_is_named(save: Save) -> None:
    path = save(Network().eval(), 1, 3, 8, 8)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name("c.pt2"), "w") as new:
        for entry in old.infolist():
            if "models/" not in entry.filename:
                new.writestr(entry, old.read(entry))
    with pytest.raises(ModelError, match="contains no layers"):
        load_model(path.with_name("c.pt2"))
