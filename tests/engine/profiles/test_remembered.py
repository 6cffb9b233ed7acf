"""What was answered or settled about a model before helps the next opening and never hinders it."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import engine
from engine.errors import ChoiceNeeded, ModelError, WeightsError
from engine.files.trust import Trust
from engine.loading.load import open_source
from engine.model import Model
from engine.profiles import store
from engine.profiles.store import ModelProfile
from engine.records.sources import ModelSource
from engine.weights.state_dicts import checksum
from tests.engine.classifiers import build

NETWORKS = """
    from torch import nn

    class First(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(3, channels, 3)
        def forward(self, x):
            return self.conv(x).mean((2, 3))

    class Second(nn.Module):
        def __init__(self):
            super().__init__()
            self.other = nn.Conv2d(3, 5, 3)
        def forward(self, x):
            return self.other(x).mean((2, 3))
"""


@pytest.fixture(autouse=True)
def _own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "folder", lambda: tmp_path / "profiles")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of two networks, opened before as First with four channels."""
    path = tmp_path / "networks.py"
    path.write_text(textwrap.dedent(NETWORKS), encoding="utf-8")
    answers = ModelProfile(architecture="First", arguments=(("channels", "4"),))
    store.save(checksum(path), answers)
    return path


def weights(path: Path, layer: str, channels: int) -> str:
    torch.save(
        {f"{layer}.weight": torch.randn(channels, 3, 3, 3), f"{layer}.bias": torch.randn(channels)},
        path,
    )
    return str(path)


def opened(source: ModelSource) -> Model:
    return open_source(source, "cpu", Trust(everything=True))


def test_an_answer_is_not_asked_for_again(file: Path, tmp_path: Path) -> None:
    model = opened(ModelSource(str(file), weights(tmp_path / "w.pth", "conv", 4)))
    assert (model.source, len(model.classes)) == ("First", 4)


def test_other_weights_of_the_same_file_open(file: Path, tmp_path: Path) -> None:
    model = opened(ModelSource(str(file), weights(tmp_path / "w.pth", "other", 5)))
    assert model.source == "Second"


def test_other_arguments_are_asked_for(file: Path, tmp_path: Path) -> None:
    source = ModelSource(str(file), weights(tmp_path / "w.pth", "conv", 6))
    with pytest.raises(ChoiceNeeded):
        opened(source)
    assert len(opened(replace(source, arguments=(("channels", "6"),))).classes) == 6


def test_arguments_of_another_network_are_not_used(file: Path, tmp_path: Path) -> None:
    source = ModelSource(str(file), weights(tmp_path / "w.pth", "other", 5), "Second")
    assert opened(source).source == "Second"


def test_an_architecture_of_a_python_file_does_not_keep_its_weights_away(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(build("resnet18", classes=3).state_dict(), path)
    store.save(checksum(path), ModelProfile(architecture="MyNetwork"))
    assert opened(ModelSource(str(path))).source == "resnet18"


def test_the_error_without_the_answers_is_the_one_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"one.weight": torch.zeros(2, 2), "two.weight": torch.zeros(2, 2)}, path)
    store.save(checksum(path), ModelProfile(architecture="MyNetwork"))
    with pytest.raises(WeightsError, match="fit no torchvision architecture"):
        opened(ModelSource(str(path)))


def test_an_assumption_is_told_only_where_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(build("resnet18", classes=3).state_dict(), path)

    def assumptions(model: Model) -> list[str]:
        return [notice for notice in model.info.notices if "Assumed" in notice]

    first = opened(ModelSource(str(path)))
    assert len(assumptions(first)) == 1
    (told,) = assumptions(opened(ModelSource(str(path), input="3x64x64")))
    assert "64 x 64" in told
    how = replace(first.preprocessing, resize=100, crop=(96, 96))
    store.save(checksum(path), ModelProfile(preprocessing=how, preprocessing_origin="you"))
    assert not assumptions(opened(ModelSource(str(path))))
    # Kept beside class names, it is an assumption still.
    how = first.preprocessing
    store.save(checksum(path), ModelProfile(preprocessing=how, preprocessing_origin="assumed"))
    assert len(assumptions(opened(ModelSource(str(path))))) == 1


@pytest.mark.parametrize("text", ["1" * 5000 + "x3", "3x99999x99999", "3x0x28", "x", ""])
def test_an_input_that_no_picture_has(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(build("resnet18", classes=3).state_dict(), path)
    with pytest.raises(ModelError, match="is not an input size") as caught:
        engine.load_model(path, device="cpu", input=text)
    assert len(str(caught.value)) < 200
