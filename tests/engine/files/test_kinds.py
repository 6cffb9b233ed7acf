"""Kinds of files are told by what is in them, and nothing is run for it."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from engine.errors import ModelError
from engine.files.kinds import Kind, kind_of, refusal
from tests.engine.hostile.payloads import Marks


class Own(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".py", ".png", ""])
def test_content_comes_before_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    torch.save({"weight": torch.ones(2)}, path)
    assert kind_of(path) is Kind.WEIGHTS


def test_kinds(tmp_path: Path) -> None:
    state = {"weight": torch.ones(2)}

    def at(name: str) -> Path:
        return tmp_path / name

    torch.save(state, at("legacy.pt"), _use_new_zipfile_serialization=False)
    torch.save(Own(), at("whole.pt"))
    torch.save(nn.ReLU(), at("whole-legacy.pt"), _use_new_zipfile_serialization=False)
    torch.save({"state": Marks(at("never"))}, at("marks.pt"))
    torch.save({"optimizer": {}, "epoch": 3, "model": state}, at("checkpoint.ckpt"))
    save_file(state, at("tensors.bin"))
    at("network.py").write_text("import torch\n")
    at("network.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    at("renamed").write_bytes(b"\x08\x07\x12\x07pytorch")
    at("folder").mkdir()
    (at("folder") / "config.json").write_text("{}")
    Image.new("RGB", (4, 4)).save(at("picture.dat"), format="PNG")
    at("notes.txt").write_text("cat\ndog\n")
    at("plain.pkl").write_bytes(pickle.dumps(Marks(at("never"))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Sequential(nn.ReLU())), at("scripted.pt"))
    kinds = {path.name: kind_of(path) for path in tmp_path.iterdir()}
    assert kinds == {
        "legacy.pt": Kind.WEIGHTS,
        "whole.pt": Kind.PICKLED,
        "whole-legacy.pt": Kind.PICKLED,
        "marks.pt": Kind.PICKLED,
        "checkpoint.ckpt": Kind.WEIGHTS,
        "tensors.bin": Kind.SAFETENSORS,
        "network.py": Kind.PYTHON,
        "network.onnx": Kind.ONNX,
        "renamed": Kind.ONNX,
        "folder": Kind.FOLDER,
        "picture.dat": Kind.PICTURE,
        "notes.txt": Kind.OTHER,
        "plain.pkl": Kind.OTHER,
        "scripted.pt": Kind.TORCHSCRIPT,
    }
    assert not at("never").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (pickle.dumps({"a": 1}), "torch.save"),
        (b"\x89HDF\r\n\x1a\n", "Keras"),
        (b"cat\ndog\n", "not a supported model format"),
    ],
)
def test_what_stands_in_place_of_a_model_is_named(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    assert kind_of(path) is Kind.OTHER
    message = str(refusal(path, Kind.OTHER))
    assert words in message
    assert str(path) in message


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing.pt", "no such file"), ("empty.pt", "empty"), ("folder", "without a config.json")],
)
def test_nothing_to_open(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=words):
        kind_of(tmp_path / name)
