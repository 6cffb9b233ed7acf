"""Which networks are told apart."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from engine.remembered.identity import identity_of
from tests.engine import classifiers


def network(stride: int = 2, classes: int = 5, **attributes: Any) -> nn.Sequential:
    parts = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    parts.append(nn.Linear(4, classes))
    for name, value in attributes.items():
        setattr(parts, name, value)
    return parts


def test_values_do_not_count() -> None:
    torch.manual_seed(0)
    one = network()
    other = network()
    assert not torch.equal(one[0].weight, other[0].weight)
    assert identity_of(one) == identity_of(other) != ""


@pytest.mark.parametrize(
    "change",
    [
        lambda: network(stride=1),
        lambda: network(classes=6),
        lambda: network().double(),
        lambda: network(window=(7, 7)),
        lambda: network(mode="mean"),
        lambda: network(norm=functools.partial(nn.LayerNorm, eps=1e-6)),
        lambda: network().append(nn.Identity()),
        lambda: nn.Sequential(network()),
    ],
)
def test_structure_counts(change: Callable[[], nn.Module]) -> None:
    assert identity_of(change()) != identity_of(network())


def test_options_of_a_partial_count() -> None:
    norms = [functools.partial(nn.LayerNorm, eps=eps) for eps in (1e-6, 1e-5)]
    assert identity_of(network(norm=norms[0])) != identity_of(network(norm=norms[1]))


def test_a_module_in_two_places_is_not_two_modules() -> None:
    layer = nn.Linear(2, 2)
    once = nn.Sequential(layer, nn.Linear(2, 2))
    assert identity_of(nn.Sequential(layer, layer)) != identity_of(once)


def test_what_is_not_plain_counts_by_its_file() -> None:
    strange = network(helper=object())
    assert identity_of(strange) == ""
    assert identity_of(strange, "a") not in ("", identity_of(strange, "b"))
    assert identity_of(network(), "a") == identity_of(network(), "b")


def test_functions_that_hold_values_are_not_plain() -> None:
    def scaled(by: float) -> Callable[[float], float]:
        return lambda x: by * x

    assert identity_of(network(act=scaled(2.0))) == ""
    assert identity_of(network(act=scaled(2.0)), "a") != identity_of(network(), "a")
    assert identity_of(network(act=torch.nn.functional.softplus)) == ""


def test_hooks_are_not_plain() -> None:
    hooked = network()
    handle = hooked[1].register_forward_hook(lambda *_: None)
    assert identity_of(hooked) == ""
    handle.remove()
    assert identity_of(hooked) != ""


def test_code_that_may_change_unseen_is_not_told_apart() -> None:
    class Own(nn.Module):
        pass

    Own.__module__ = "nowhere_installed.networks"
    Own.__qualname__ = "Own"
    assert identity_of(nn.Sequential(Own())) == ""


@pytest.mark.parametrize("name", ["squeezenet1_1", "vgg11", "googlenet", "vit_b_32"])
def test_the_number_of_classes_can_be_left_out(name: str) -> None:
    few, many = (classifiers.build(name, classes=count) for count in (7, 20))
    assert identity_of(few) != identity_of(many)
    assert identity_of(few, any_classes=True) == identity_of(many, any_classes=True) != ""
