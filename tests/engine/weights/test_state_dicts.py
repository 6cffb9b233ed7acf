"""Weights files: read without running anything in them; what does not fit is named."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import WeightsError
from engine.weights.checkpoints import find_state_dict
from engine.weights.state_dicts import (
    matching,
    mismatch,
    read_state_dict,
    unwrapped,
    variants,
)


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict())


class Executes:
    """Unpickled, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert ";" in message, "names no way out"
    return message


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".safetensors", ".SAFETENSORS"])
def test_both_formats(tmp_path: Path, state: dict[str, Tensor], suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    (save_file if suffix.lower() == ".safetensors" else torch.save)(state, path)
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_the_formats_of_old_torch(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_state_dict(tmp_path / "old.pth")["0.weight"], state["0.weight"])


@pytest.mark.parametrize("how", ["pickle", "torch", "old torch"])
def test_nothing_in_a_file_is_executed(tmp_path: Path, state: dict[str, Tensor], how: str) -> None:
    path, trap = tmp_path / "evil.pth", tmp_path / "it ran"
    content = {**state, "extra": Executes(trap)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch")
    if how == "pickle":
        refused(path)
    else:
        found = read_state_dict(path)
        assert all(torch.equal(found[key], state[key]) for key in state)
    assert not trap.exists()
    torch.load(path, weights_only=False) if how != "pickle" else pickle.loads(path.read_bytes())
    assert trap.exists(), "the trap itself is none"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just some text, and no more of it\n" * 20,
        b"PK\x03\x04" + b"\0" * 500,
        b"\x80\x02}q\0",
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weights_file(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated(tmp_path: Path, state: dict[str, Tensor], suffix: str, share: float) -> None:
    path = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "absent.pth")
    refused(tmp_path)


def test_other_things_than_a_state_dict(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "w.pth"
    for content in (torch.zeros(3), [torch.zeros(3)], {}, {"epoch": 3}, {"m": {}}, 5):
        torch.save(content, path)
        assert "state_dict" in refused(path)
    torch.save(nn.Conv2d(3, 4, 3), path)
    assert "state_dict" in refused(path)


def test_mismatch_names_the_first_keys_of_each_kind(state: dict[str, Tensor]) -> None:
    assert mismatch(state, dict(state)) == ""
    given = {key: tensor for key, tensor in state.items() if not key.startswith("0.")}
    given |= {"1.weight": torch.zeros(9), "head.weight": torch.zeros(1)}
    text = mismatch(state, given)
    assert "missing: 0.weight, 0.bias" in text
    assert "unexpected: head.weight" in text
    assert "1.weight (9,) instead of (4,)" in text
    many = {f"layer{i}": torch.zeros(1) for i in range(30)}
    assert "layer0, layer1, layer2 and 27 more" in mismatch(many, {})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.ones(9)}}}},
        lambda s: {"ema": {"state_dict": s}},
        lambda s: {"whatever": s, "optim_state": {f"p{i}": torch.ones(1) for i in range(99)}},
        lambda s: {**s, "epoch": 3, "best_acc": 0.5},
        lambda s: {"model": {"state_dict": s, "name": "net"}, "args": {"lr": torch.ones(1)}},
    ],
)
def test_the_state_dict_inside_a_training_checkpoint(
    tmp_path: Path, state: dict[str, Tensor], wrap: Callable[[Any], Any]
) -> None:
    path = tmp_path / "w.pth"
    torch.save(wrap(state), path)
    found = read_state_dict(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_the_trained_weights_come_before_their_average() -> None:
    first, second = {"w": torch.zeros(2)}, {"w": torch.ones(2)}
    content = {"model_ema": second, "state_dict": first}
    assert find_state_dict(content) is not None
    assert find_state_dict(content)["w"].sum() == 0  # type: ignore[index]


def test_prefixes_are_taken_off_one_by_one() -> None:
    inner = {f"layer.{i}.weight": torch.zeros(1) for i in range(12)}
    given = {f"module.model.{key}": value for key, value in inner.items()}
    given["criterion.weight"] = torch.zeros(2)
    keys = [set(variant) for variant in variants(given)]
    assert keys[0] == set(given)
    assert set(inner) in keys
    assert matching(inner, given).keys() == inner.keys()
    # A network whose own attribute is called 'model' keeps its keys.
    own = {f"model.{key}": value for key, value in inner.items()}
    assert matching(own, own).keys() == own.keys()


def test_a_wrapper_may_call_its_network_anything() -> None:
    inner = {f"layer.{i}.weight": torch.zeros(1, 1) for i in range(12)}
    given = {f"resnet.{key}": value for key, value in inner.items()}
    assert matching(inner, given).keys() == inner.keys()
    given["loss_fn.prototypes"] = torch.zeros(3, 4)
    assert matching(inner, given).keys() == inner.keys()


def test_a_layer_beside_a_prefix_is_not_left_out() -> None:
    """A head that follows the wrapped network makes another network of it."""
    given = {f"model.layer.{i}.weight": torch.zeros(1, 1) for i in range(30)}
    given |= {"head.weight": torch.zeros(3, 1), "head.bias": torch.zeros(3)}
    assert [set(variant) for variant in variants(given)] == [set(given)]


@pytest.mark.parametrize(
    ("tensor", "word"),
    [
        (torch.ones(2, 3).to(torch.int8), "w int8"),
        (torch.ones(2, 3).to_sparse(), "w sparse"),
        (torch.ones(2, 3, device="meta"), "w without data"),
    ],
)
def test_numbers_of_another_kind_are_a_mismatch(tensor: Tensor, word: str) -> None:
    assert word in mismatch({"w": torch.zeros(2, 3)}, {"w": tensor})


def test_other_floating_types_and_counters_are_none() -> None:
    wanted = {"w": torch.zeros(2, 3), "n": torch.tensor(0)}
    assert not mismatch(wanted, {"w": torch.zeros(2, 3).half(), "n": torch.tensor(1.0)})


def test_old_files_without_counters_match() -> None:
    """Also for a network of a Python file, which takes the result strictly."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    own = network.state_dict()
    old = {f"module.{key}": tensor for key, tensor in own.items() if "num_batches" not in key}
    counted = {"module.total_ops": torch.zeros(1), "module.0.total_params": torch.zeros(1)}
    found = matching(own, {**old, **counted})
    assert mismatch(own, found) == ""
    network.load_state_dict(found, strict=True)


def test_what_a_training_program_stores_aside_is_left_out_and_named() -> None:
    state = {"net.conv.weight": torch.zeros(4, 3, 3, 3), "net.fc.weight": torch.zeros(2, 4)}
    aside = {"arcface_loss.weight": torch.zeros(2, 4), "prototypes": torch.zeros(2, 4)}
    last = list(unwrapped(state | aside))[-1]
    assert last.state.keys() == {"conv.weight", "fc.weight"}
    assert last.dropped == ("arcface_loss.weight", "prototypes")
