"""Training checkpoints opened together with a Python file, as they are without one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import engine
from engine.errors import ChoiceNeeded, WeightsError
from engine.files.trust import Trust
from engine.questions import WhichStateDict
from tests.engine.classifiers import build

State = dict[str, Tensor]
NAMES = ("cat", "dog", "bee")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build("resnet18", classes=3)


@pytest.fixture(scope="module")
def other(network: nn.Module) -> nn.Module:
    """The same network with other weights."""
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.fc.weight.neg_()  # type: ignore[union-attr,operator]
    return changed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(
        "from torchvision.models import resnet\n\n"
        "class Net(resnet.ResNet):\n    def __init__(self, num_classes=3):\n"
        "        super().__init__(resnet.BasicBlock, [2, 2, 2, 2], num_classes)\n"
    )
    return path


def opened(file: Path, content: object, **options: Any) -> engine.Model:
    path = file.parent / "weights" / "last.pth"
    path.parent.mkdir(exist_ok=True)
    torch.save(content, path)
    return engine.load_model(file, path, device="cpu", trust=Trust(named=(file, path)), **options)


def same(model: engine.Model, network: nn.Module) -> None:
    picture = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-5, atol=1e-5)


def nested(one: State, two: State) -> object:
    return {"student": one, "teacher": two}


def side_by_side(one: State, two: State) -> object:
    named = {"student": one, "teacher": two}
    return {f"{name}.{k}": t for name, part in named.items() for k, t in part.items()}


@pytest.mark.parametrize("written", [nested, side_by_side])
def test_several_networks_are_asked_about(
    file: Path, network: nn.Module, other: nn.Module, written: Callable[[State, State], object]
) -> None:
    content = written(network.state_dict(), other.state_dict())
    with pytest.raises(ChoiceNeeded, match="--weights-key") as caught:
        opened(file, content)
    question = caught.value.question
    assert isinstance(question, WhichStateDict)
    assert question.keys == ("student", "teacher")
    same(opened(file, content, weights_key="student"), network)
    model = opened(file, content, weights_key="teacher")
    same(model, other)
    assert "student" in model.info.other_weights
    with pytest.raises(WeightsError, match="no weights under 'wrong'"):
        opened(file, content, weights_key="wrong")


def test_networks_pickled_whole_are_asked_about(
    file: Path, network: nn.Module, other: nn.Module
) -> None:
    content = {"student": network, "teacher": other}
    with pytest.raises(ChoiceNeeded, match="student and teacher"):
        opened(file, content)
    same(opened(file, content, weights_key="teacher"), other)


def test_weights_beside_the_file_are_asked_about(
    file: Path, network: nn.Module, other: nn.Module
) -> None:
    beside = file.parent / "last.pth"
    torch.save({"student": network.state_dict(), "teacher": other.state_dict()}, beside)
    trust = Trust(named=(file,))
    with pytest.raises(ChoiceNeeded, match="student and teacher"):
        engine.load_model(file, device="cpu", trust=trust)
    model = engine.load_model(file, device="cpu", trust=trust, weights_key="teacher")
    same(model, other)


def test_a_network_that_has_both_is_not_asked_about(
    file: Path, network: nn.Module, other: nn.Module
) -> None:
    text = file.read_text()
    file.write_text(
        text.replace("from torch", "import torch\nfrom torch", 1)
        + "\n\nclass Pair(torch.nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.student, self.teacher = Net(), Net()\n\n"
        "    def forward(self, x):\n        return self.student(x) + self.teacher(x)\n"
    )
    model = opened(file, side_by_side(network.state_dict(), other.state_dict()))
    assert model.source == "Pair"


@pytest.mark.parametrize("whole", [False, True])
def test_plain_weights_open_and_averaged_ones_are_said(
    file: Path, network: nn.Module, other: nn.Module, whole: bool
) -> None:
    content: dict[str, object] = {"ema": other, "model": network}
    if not whole:
        content = {"ema": other.state_dict(), "model": network.state_dict()}
    model = opened(file, content)
    same(model, network)
    assert "averaged weights (ema)" in " ".join(model.info.notices)
    assert model.info.other_weights == ("ema",)
    same(opened(file, content, weights_key="ema"), other)


@pytest.mark.parametrize(
    "beside", [{"class_to_idx": {"bee": 2, "cat": 0, "dog": 1}}, {"meta": {"CLASSES": NAMES}}]
)
@pytest.mark.parametrize("whole", [False, True])
def test_stated_class_names_are_used(
    file: Path, network: nn.Module, beside: dict[str, object], whole: bool
) -> None:
    content = {"model": network if whole else network.state_dict(), **beside}
    info = opened(file, content).info
    assert info.classes == NAMES
    assert info.classes_origin.endswith("of last.pth")
    path = file.parent / "weights" / "last.pth"
    for model in (
        engine.load_model("resnet18", path, device="cpu"),
        engine.load_model(path, device="cpu", architecture="resnet18"),
        engine.load_model(path, device="cpu"),
    ):
        assert model.info.classes == NAMES


def test_class_names_of_another_number_are_said(file: Path, network: nn.Module) -> None:
    model = opened(file, {"state_dict": network.state_dict(), "classes": ["a", "b"]})
    assert model.info.classes_origin == "numbered"
    assert "2 class names do not fit" in " ".join(model.info.notices)


@pytest.mark.parametrize("prefix", ["", "model.", "module."])
def test_what_is_left_out_is_said(file: Path, network: nn.Module, prefix: str) -> None:
    state = {prefix + key: tensor for key, tensor in network.state_dict().items()}
    beside = {"criterion.weight": torch.ones(3), f"{prefix}fc.total_ops": torch.zeros(1)}
    model = opened(file, {"state_dict": {**state, **beside}})
    same(model, network)
    said = " ".join(model.info.notices)
    assert "Left out" in said
    assert "criterion.weight" in said
    assert "Left out" not in " ".join(opened(file, {"state_dict": state}).info.notices)
