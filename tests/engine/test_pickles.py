"""Pickled networks: read restricted where that is enough, else after consent, else refused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import engine
from engine import vision
from engine.errors import ConsentNeeded, ModelError, WeightsError
from engine.network import Network
from engine.pickles import open_pickled, read_tensors, tensors_in
from engine.trust import NOBODY, Trust
from engine.weights import read_state_dict

TRUSTED = Trust(everything=True)


class Gone(nn.Module):
    """A network of a program that the test takes away again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.ones(2), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)).mean((2, 3))


@pytest.fixture
def program() -> Iterator[ModuleType]:
    """A module that only exists while the test runs, and defines Gone."""
    module = ModuleType("program_of_a_test")
    old = Gone.__module__
    module.Gone, Gone.__module__ = Gone, module.__name__
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)
    Gone.__module__ = old


@pytest.fixture
def gone(program: ModuleType, tmp_path: Path) -> Path:
    path = tmp_path / "gone.pt"
    torch.save(Gone(), path)
    del sys.modules[program.__name__]
    return path


def opened(path: Path, trust: Trust = NOBODY) -> Network:
    network = open_pickled(path, trust=trust)
    assert isinstance(network, Network)
    return network


def test_a_network_of_torchs_own_classes_needs_no_consent(tmp_path: Path) -> None:
    path = tmp_path / "plain.pt"
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    torch.save(model, path)
    network = opened(path)
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(network.module(x), model.eval()(x))
    assert not network.module.training
    assert (network.source, network.title, network.weights) == ("Sequential", "plain", str(path))
    assert len(network.weights_sha256) == 64


def test_a_torchvision_network_needs_no_consent(tmp_path: Path) -> None:
    path = tmp_path / "fine-tuned.pt"
    model = vision.load().models.get_model("resnet18", weights=None, num_classes=3)
    torch.save({"model": model, "epoch": 3}, path)
    network = opened(path)
    assert network.source == "ResNet"
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(network.module(x), model.eval()(x))


def test_data_parallel_is_unwrapped(tmp_path: Path) -> None:
    torch.save(nn.DataParallel(nn.Sequential(nn.ReLU())), tmp_path / "wrapped.pt")
    assert type(opened(tmp_path / "wrapped.pt").module) is nn.Sequential


def test_torch_compile_is_unwrapped(tmp_path: Path) -> None:
    torch.save(torch.compile(nn.Sequential(nn.ReLU()), backend="eager"), tmp_path / "compiled.pt")
    assert type(opened(tmp_path / "compiled.pt").module) is nn.Sequential


def test_the_averaged_network_of_a_checkpoint_comes_first(tmp_path: Path) -> None:
    content = {"model": nn.Sequential(nn.ReLU()), "ema": nn.Sequential(nn.Tanh()), "epoch": 1}
    torch.save(content, tmp_path / "checkpoint.pt")
    assert isinstance(opened(tmp_path / "checkpoint.pt").module[0], nn.Tanh)
    torch.save({**content, "ema": None}, tmp_path / "checkpoint.pt")
    assert isinstance(opened(tmp_path / "checkpoint.pt").module[0], nn.ReLU)


def test_other_classes_are_listed_and_asked_for(program: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "own.pt"
    torch.save(Gone(), path)
    with pytest.raises(ConsentNeeded) as caught:
        opened(path)
    assert caught.value.names == ("program_of_a_test.Gone",)
    assert caught.value.path == path
    agreed = Trust([caught.value.sha256])
    assert type(opened(path, agreed).module) is Gone


def test_a_function_of_torchvision_is_no_class_of_it(tmp_path: Path) -> None:
    class Loads:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return vision.load().models.get_model, ("resnet18",)

    torch.save({"model": Loads()}, tmp_path / "calls.pt")
    content = open_pickled(tmp_path / "calls.pt", trust=NOBODY)
    assert not isinstance(content, Network), "the call was not made"


@pytest.mark.parametrize("trust", [NOBODY, TRUSTED])
def test_a_missing_class_is_named_whatever_was_agreed_to(gone: Path, trust: Trust) -> None:
    with pytest.raises(ModelError, match=r"program_of_a_test\.Gone.*Python file") as caught:
        opened(gone, trust)
    assert not isinstance(caught.value, ConsentNeeded)


def test_a_class_of_main_is_named(tmp_path: Path) -> None:
    main = sys.modules["__main__"]
    old, Gone.__module__ = Gone.__module__, "__main__"
    main.Gone = Gone
    try:
        torch.save(Gone(), tmp_path / "main.pt")
    finally:
        del main.Gone
        Gone.__module__ = old
    with pytest.raises(ModelError, match=r"needs Gone, a class of the program that saved it"):
        opened(tmp_path / "main.pt", TRUSTED)


def test_tensors_of_a_missing_class_are_read_without_running_it(gone: Path) -> None:
    expected = Gone().state_dict()
    found = read_tensors(gone)
    assert found is not None
    assert list(found) == list(expected)
    assert "passing" not in found
    assert all(found[key].shape == expected[key].shape for key in expected)
    assert all(not tensor.is_meta for tensor in found.values())


def test_settings_beside_a_state_dict_need_no_consent(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    state = nn.Conv2d(3, 4, 3).state_dict()
    torch.save(
        {"state_dict": state, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.9)}, path
    )
    content = open_pickled(path, trust=NOBODY)
    found = tensors_in(content)
    assert found is not None
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_a_network_that_holds_a_foreign_object_needs_consent(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    model.settings = [argparse.Namespace(lr=0.1)]
    torch.save({"model": model}, tmp_path / "foreign.pt")
    with pytest.raises(ConsentNeeded) as caught:
        opened(tmp_path / "foreign.pt")
    assert caught.value.names == ("argparse.Namespace",)
    assert opened(tmp_path / "foreign.pt", TRUSTED).module.settings[0].lr == 0.1


@pytest.mark.parametrize(
    "how", [{"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}], ids=str
)
def test_other_ways_of_pickling_are_read_after_consent(tmp_path: Path, how: dict) -> None:
    path = tmp_path / "other.pt"
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    torch.save(model, path, **how)
    with pytest.raises(ConsentNeeded):
        opened(path)
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(opened(path, TRUSTED).module(x), model(x))


def test_a_constructor_in_the_pickle_cannot_fill_the_memory(tmp_path: Path) -> None:
    class Huge:
        def __reduce__(self) -> tuple[object, tuple[int, int]]:
            return nn.Linear, (1_000_000, 1_000_000)

    torch.save(Huge(), tmp_path / "huge.pt")
    with pytest.raises(WeightsError, match="weights are missing"):
        opened(tmp_path / "huge.pt")


def test_no_class_is_allowed_beyond_the_call(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    torch.save(nn.Sequential(nn.ReLU()), tmp_path / "plain.pt")
    opened(tmp_path / "plain.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_a_named_architecture_needs_no_consent(program: ModuleType, tmp_path: Path) -> None:
    """Not even for a network of an unknown class: its tensors are enough."""
    model = vision.load().models.get_model("squeezenet1_1", weights=None, num_classes=2)
    state = model.state_dict()
    model.settings = Gone
    torch.save(model, tmp_path / "whole.pt")
    del sys.modules[program.__name__]
    by_name = engine.load_model("squeezenet1_1", tmp_path / "whole.pt")
    by_file = engine.load_model(tmp_path / "whole.pt", architecture="squeezenet1_1")
    for opened_model in (by_name, by_file):
        found = opened_model.module.state_dict()
        assert all(torch.equal(found[key].cpu(), state[key]) for key in state)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
@pytest.mark.parametrize("tensors", [True, False])
def test_weights_are_read_by_content(tmp_path: Path, suffix: str, tensors: bool) -> None:
    state = nn.Conv2d(3, 4, 3).state_dict()
    path = tmp_path / f"weights{suffix}"
    (save_file if tensors else torch.save)(state, path)
    assert read_state_dict(path).keys() == state.keys()
