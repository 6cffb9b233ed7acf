"""Fine-tuned classifiers whose last layer has another name than torchvision's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import engine
from engine.errors import WeightsError
from engine.formats.torchvision.heads import moved_head
from tests.engine.classifiers import build


def _sequential(network: nn.Module) -> None:
    network.fc = nn.Sequential(nn.Dropout(), nn.Linear(512, 3))


def _plain(network: nn.Module) -> None:
    network.classifier = nn.Linear(network.classifier[1].in_features, 3)  # type: ignore[index]


def _deeper(network: nn.Module) -> None:
    network.classifier[2] = nn.Sequential(  # type: ignore[index,operator]
        nn.Dropout(), nn.Linear(768, 3)
    )


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    ("name", "change"),
    [("resnet18", _sequential), ("efficientnet_b0", _plain), ("convnext_tiny", _deeper)],
)
def test_the_network_computes_what_it_did(
    tmp_path: Path, name: str, change: Callable[[nn.Module], None], named: bool
) -> None:
    network = build(name)
    change(network.eval())
    network.eval()
    path = tmp_path / "tuned.pth"
    torch.save({f"module.{key}": tensor for key, tensor in network.state_dict().items()}, path)
    model = engine.load_model(path, device="cpu", architecture=name if named else None)
    assert (model.source, len(model.classes)) == (name, 3)
    assert any("last layer" in notice for notice in model.info.notices)
    picture = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(model.module(picture), network(picture))


def test_several_linear_layers_are_not_guessed_at(tmp_path: Path) -> None:
    network = build("resnet18")
    network.fc = nn.Sequential(nn.Linear(512, 8), nn.ReLU(), nn.Linear(8, 3))
    torch.save(network.state_dict(), tmp_path / "tuned.pth")
    with pytest.raises(WeightsError, match="closest is resnet18"):
        engine.load_model(tmp_path / "tuned.pth", device="cpu")


def test_an_ordinary_head_has_no_such_notice(tmp_path: Path) -> None:
    torch.save(build("resnet18", classes=3).state_dict(), tmp_path / "w.pth")
    for architecture in (None, "resnet18"):
        model = engine.load_model(tmp_path / "w.pth", device="cpu", architecture=architecture)
        assert not any("last layer" in notice for notice in model.info.notices)


def test_a_head_behind_the_classifier_is_not_dropped(tmp_path: Path) -> None:
    """As a LightningModule with a torchvision network in it and a linear layer after that has."""
    state = {f"model.{key}": t for key, t in build("resnet18", classes=1000).state_dict().items()}
    state |= {"head.weight": torch.zeros(3, 1000), "head.bias": torch.zeros(3)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "last.ckpt")
    with pytest.raises(WeightsError, match="fit no torchvision architecture"):
        engine.load_model(tmp_path / "last.ckpt", device="cpu")


def test_a_network_of_any_name_in_a_training_program(tmp_path: Path) -> None:
    state = {f"resnet.{key}": t for key, t in build("resnet18", classes=3).state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "last.ckpt")
    assert engine.load_model(tmp_path / "last.ckpt", device="cpu").source == "resnet18"


LINEAR = {"fc.weight": (1000, 512), "fc.bias": (1000,)}


@pytest.mark.parametrize(
    ("wanted", "given", "moved"),
    [
        (LINEAR, {"fc.1.weight": (3, 512), "fc.1.bias": (3,)}, "fc.1"),
        (LINEAR, {"fc.1.weight": (3, 256), "fc.1.bias": (3,)}, ""),
        (LINEAR, {"fc.1.weight": (3, 512)}, ""),
        (LINEAR, {"head.weight": (3, 512), "head.bias": (3,)}, ""),
        (LINEAR, {"fc.1.weight": (3, 512), "fc.1.bias": (3,), "fc.2.running_mean": (3,)}, ""),
        (
            {"c.0.weight": (9, 9), "c.0.bias": (9,), "c.3.weight": (9, 9), "c.3.bias": (9,)},
            {"c.0.weight": (9, 9), "c.0.bias": (9,), "c.2.weight": (2, 9), "c.2.bias": (2,)},
            "",
        ),
    ],
)
def test_what_counts_as_moved(
    wanted: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]], moved: str
) -> None:
    names = moved_head(wanted, given)
    assert set(names) == ({f"{moved}.weight", f"{moved}.bias"} if moved else set())


def test_twins_stay_a_question() -> None:
    from engine.formats.torchvision.architectures import recognise

    index = {name: {"w": (4, 3), **LINEAR} for name in ("one", "two")}
    state = {"w": torch.zeros(4, 3), "fc.1.weight": torch.zeros(3, 512), "fc.1.bias": torch.ones(3)}
    assert recognise(state, index).names == ("one", "two")
