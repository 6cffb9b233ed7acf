"""Fine-tuned classifiers whose last layer has another name than torchvision's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import engine
from engine.errors import WeightsError
from engine.formats.torchvision.bodies import compare
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


def _stack(*layers: nn.Module) -> Callable[[nn.Module], None]:
    def change(network: nn.Module) -> None:
        network.fc = nn.Sequential(*layers)

    return change


def _named_stack(network: nn.Module) -> None:
    layers = {"fc1": nn.Linear(512, 6), "relu": nn.ReLU(), "fc2": nn.Linear(6, 3)}
    network.fc = nn.Sequential(OrderedDict(layers))


def _own_classifier(network: nn.Module) -> None:
    """With torchvision's Hardswish between layers of other widths."""
    network.classifier[0] = nn.Linear(576, 16)  # type: ignore[index,operator]
    network.classifier[3] = nn.Linear(16, 3)  # type: ignore[index,operator]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "resnet18",
            _stack(nn.Dropout(), nn.Linear(512, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)),
            "with ReLU between",
        ),
        ("resnet18", _stack(nn.Linear(512, 8), nn.Linear(8, 3)), "without an activation"),
        (
            "resnet18",
            _stack(
                *(nn.BatchNorm1d(512), nn.Dropout(), nn.Linear(512, 8), nn.ReLU()),
                *(nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)),
            ),
            "with ReLU between",
        ),
        ("resnet18", _named_stack, "with ReLU between"),
        ("mobilenet_v3_small", _own_classifier, "as in the architecture"),
    ],
)
def test_several_linear_layers(
    tmp_path: Path, name: str, change: Callable[[nn.Module], None], words: str
) -> None:
    network = build(name)
    change(network)
    network.eval()
    torch.save(network.state_dict(), tmp_path / "tuned.pth")
    model = engine.load_model(tmp_path / "tuned.pth", device="cpu")
    assert (model.source, len(model.classes)) == (name, 3)
    assert any("2 linear layers" in n and words in n for n in model.info.notices)
    picture = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(model.module(picture), network(picture), rtol=1e-5, atol=1e-6)


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
BODY = {"conv1.weight": (512, 3, 7, 7)}


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"fc.1.weight": (3, 512), "fc.1.bias": (3,)}, True),
        ({"fc.1.weight": (3, 512)}, True),
        ({"head.weight": (3, 512), "head.bias": (3,)}, True),
        ({"fc.1.weight": (3, 256), "fc.1.bias": (3,)}, False),
        ({"attention.weight": (3, 512), "attention.bias": (3,)}, False),
        ({"fc.1.weight": (3, 512), "fc.1.bias": (3,), "fc.2.running_mean": (3,)}, False),
        ({"fc.0.weight": (8, 512), "fc.2.weight": (3, 9)}, False),
    ],
)
def test_what_counts_as_a_head(given: dict[str, tuple[int, ...]], fits: bool) -> None:
    found = compare({**BODY, **LINEAR}, {**BODY, **given})
    assert (found.change is not None) == fits


def test_a_layer_without_room_for_the_activation_of_the_architecture() -> None:
    """Its own ReLU would stand between layers that had none."""
    wanted = {"c.0.weight": (9, 9), "c.0.bias": (9,), "c.3.weight": (1000, 9), "c.3.bias": (1000,)}
    given = {"c.0.weight": (9, 9), "c.0.bias": (9,), "c.1.weight": (2, 9), "c.1.bias": (2,)}
    change = compare({**BODY, **wanted}, {**BODY, **given}).change
    assert change is not None
    assert change.head is not None
    assert (change.head.place, change.head.activated) == ("c", ())


def test_twins_stay_a_question() -> None:
    from engine.formats.torchvision.architectures import recognise

    index = {name: {"w": (4, 3), **LINEAR} for name in ("one", "two")}
    state = {"w": torch.zeros(4, 3), "fc.1.weight": torch.zeros(3, 512), "fc.1.bias": torch.ones(3)}
    assert recognise(state, index).names == ("one", "two")
