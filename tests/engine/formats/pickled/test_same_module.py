"""A network is the described one if every class, setting and child is; each is changed once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.formats.pickled.described import children_of
from engine.formats.pickled.layer_names import NOTES, unused
from engine.formats.pickled.same_module import class_name, differences
from engine.formats.torchvision import models
from engine.lazy import torchvision
from engine.weights import torch_files
from engine.weights.descriptions import Described, Named

# One of each family whose classes hold settings of their own.
NETWORKS = (
    *("densenet121", "efficientnet_b0", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2"),
    *("mobilenet_v3_small", "regnet_x_400mf", "resnet18", "resnet50", "shufflenet_v2_x0_5"),
    *("squeezenet1_1", "swin_t", "swin_v2_t", "vit_b_32", "convnext_tiny", "googlenet"),
)


def built(name: str) -> Any:
    options = {"init_weights": False} if name in models.TRANSFORMING else {}
    return torchvision.load().models.get_model(name, weights=None, **options).eval()


def described(network: nn.Module, path: Path) -> Any:
    torch.save(network, path)
    return torch_files.read(path).content


def modules_of(root: Described) -> Iterator[Described]:
    yield root
    for _, child in children_of(root):
        yield from modules_of(child)


def other(value: object) -> object:
    """A value of the same type, where there is one, that is another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}s"
    if isinstance(value, tuple):
        return tuple(other(part) for part in value)
    if isinstance(value, list):
        return [other(part) for part in value]
    return Named("torch.nn.functional.relu") if value is None else None


@pytest.mark.parametrize("name", NETWORKS)
def test_every_setting_counts_but_those_that_are_never_read(tmp_path: Path, name: str) -> None:
    network = built(name)
    root = described(network, tmp_path / "whole.pt")
    assert differences(root, network) == ()
    done = set()
    for module in modules_of(root):
        for setting, value in list(module.state.items()):  # type: ignore[union-attr]
            kind = module.kind
            known = setting == "training" or (kind, setting) in done
            if known or setting.startswith("_") or isinstance(value, dict | set):
                continue
            done.add((kind, setting))
            module.state[setting] = other(value)  # type: ignore[index]
            assert bool(differences(root, network)) != unused(kind, setting), (kind, setting)
            # Nor is a number of another type the same.
            module.state[setting] = float(value) if type(value) is int else value  # type: ignore[index]
            same = type(value) is not int or unused(kind, setting)
            assert bool(differences(root, network)) != same, (kind, setting)
            module.state[setting] = value  # type: ignore[index]
    assert differences(root, network) == ()
    assert len(done) > 10


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_never_read_changes_nothing(name: str) -> None:
    network = built(name)
    side = {"vit_b_32": 224, "maxvit_t": 224, "inception_v3": 96}.get(name, 64)
    x = torch.randn(1, 3, side, side)
    with torch.no_grad():
        expected = network(x)
        changed = 0
        for module in network.modules():
            for setting, value in list(vars(module).items()):
                assert not NOTES & {setting, *dir(type(module))}
                if unused(class_name(type(module)), setting):
                    # Within the range that torch checks for probabilities.
                    setattr(module, setting, 0.5 if isinstance(value, float) else other(value))
                    changed += 1
        assert torch.equal(network(x), expected)
    assert changed


CHANGES: dict[str, tuple[Any, str]] = {
    "the class": (lambda net: setattr(net, "kind", "program.Net"), "program.Net"),
    "a class of torch": (
        lambda net: setattr(net.state["_modules"]["1"], "kind", "torch.nn.modules.activation.GELU"),
        "1: torch.nn.modules.activation.GELU",
    ),
    "a setting of its own": (lambda net: net.state.update(scale=2), "scale 2"),
    "a setting that is not there": (
        lambda net: net.state["_modules"]["0"].state.pop("stride"),
        "0 without stride",
    ),
    "the order of the layers": (
        lambda net: net.state.update(_modules=dict(reversed(net.state["_modules"].items()))),
        "the parts of the network",
    ),
    "a layer that is not there": (
        lambda net: net.state["_modules"].pop("2"),
        "the parts of the network",
    ),
    "a layer that is None": (
        lambda net: net.state["_modules"].update({"2": None}),
        "the parts of the network",
    ),
    "a parameter of its own": (
        lambda net: net.state["_modules"]["1"].state["_parameters"].update(weight=torch.ones(3)),
        "additional 1.weight",
    ),
    "a parameter that is not there": (
        lambda net: net.state["_modules"]["0"].state["_parameters"].update(bias=None),
        "0 without bias",
    ),
    "a shape": (
        lambda net: net.state["_modules"]["0"].state["_parameters"].update(bias=torch.ones(1)),
        "0.bias (1,)",
    ),
    "the values of a buffer that is not saved": (
        lambda net: net.state["_modules"]["3"].state["_buffers"].update(scale=torch.zeros(2)),
        "the values of 3.scale",
    ),
    "that it is not saved": (
        lambda net: net.state["_modules"]["3"].state.update(_non_persistent_buffers_set=set()),
        "3._non_persistent_buffers_set",
    ),
    "one layer for two": (
        lambda net: net.state["_modules"].update({"4": net.state["_modules"]["1"]}),
        "shared by two places",
    ),
    "two layers for one": (
        lambda net: net.state["_modules"].update(
            {
                "5": Described(
                    "torch.nn.modules.activation.ReLU", state=dict(net.state["_modules"]["1"].state)
                )
            }
        ),
        "shared by two places",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_kind_of_difference_is_named(tmp_path: Path, what: str) -> None:
    act = nn.ReLU()
    scaled = nn.Identity()
    scaled.register_buffer("scale", torch.ones(2), persistent=False)
    network = nn.Sequential(nn.Conv2d(3, 3, 1), act, nn.Flatten(), scaled, nn.ReLU(), act)
    root = described(network, tmp_path / "whole.pt")
    assert differences(root, network) == ()
    change, words = CHANGES[what]
    change(root)
    assert any(words in found for found in differences(root, network))


class Holding(nn.Module):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def _cyclic() -> list[object]:
    found: list[object] = [1]
    found.append(found)
    return found


VALUES: tuple[tuple[object, object], ...] = (
    ([1, (2, 3)], [1, (2, 4)]),
    ((1, 2), [1, 2]),
    ({"a": [1.0], 2: None}, {"a": [1], 2: None}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({1, 2}, {1, 3}),
    (torch.float32, torch.float16),
    (torch.device("cpu"), torch.device("meta")),
    (nn.ReLU, nn.GELU),
    (nn.functional.relu, nn.functional.elu),
    (torch.ones(2), torch.zeros(2)),
    (torch.tensor([True, False]), torch.tensor([True, True])),
    (torch.tensor([1.0, float("nan")]), torch.tensor([float("nan"), 1.0])),
    (torch.ones(2), torch.ones(2, dtype=torch.float64)),
    (float("nan"), 0.0),
    (True, 1),
    (b"a", "a"),
    ([nn.ReLU()], [nn.GELU()]),
    ([nn.ReLU(inplace=True)], [nn.ReLU()]),
)


@pytest.mark.parametrize(("value", "unlike"), VALUES, ids=lambda value: str(value)[:20])
def test_values_of_every_kind(tmp_path: Path, value: object, unlike: object) -> None:
    own = {"Holding": Holding}
    for held, fits in ((value, True), (unlike, False)):
        root = described(Holding(held), tmp_path / "whole.pt")
        found = differences(root, Holding(value), own=lambda name: own.get(name.rpartition(".")[2]))
        assert bool(found) != fits


def test_values_within_themselves(tmp_path: Path) -> None:
    root = described(Holding(_cyclic()), tmp_path / "whole.pt")
    own = {"Holding": Holding}
    found = differences(root, Holding(_cyclic()), own=lambda name: own.get(name.rpartition(".")[2]))
    assert found == ()
