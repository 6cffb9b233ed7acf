"""The promise of the program: the map of every layer that the tree offers is the layer's own.

The networks come from files that say nothing but keys and shapes, as a person drops them.

Compared with a reference that keeps each module's output and hands a clone on, in a copy of the
network; that reference is itself compared with tests.reference, which takes one layer at a time.
"""

from __future__ import annotations

import copy
import json
import os
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.explain.batches import Batches
from engine.explain.session import Session
from engine.loading.load import load_model
from engine.model import Model
from engine.records.explanations import FloatMap
from engine.records.models import LayerNode, Layout
from tests.engine import classifiers
from tests.reference import reference_map

# A dozen families, and between them: in-place ReLU after everything, `out += identity`, branches
# that are concatenated, reused activations, channels-last stages, squeeze-and-excitation, tokens.
QUICK = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5"),
    *("mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1"),
    *("swin_t", "vit_b_32"),
)
TOLERANCE = 1e-4
CLASSES = 7
TARGET = 5
_BATCHES = 4


@lru_cache(maxsize=3)
def built(name: str) -> nn.Module:
    """Shared by the tests of a few networks, since sessions do not change them."""
    return classifiers.build(name, classes=CLASSES)


def deviation(found: FloatMap, expected: np.ndarray) -> float:
    """Largest difference as a part of the expected map's largest absolute value."""
    largest = np.abs(expected).max()
    difference = np.abs(found.astype(np.float64) - expected).max()
    return float(difference / largest) if largest > 0 else float(difference)


def spread(nodes: list[LayerNode], most: int) -> list[LayerNode]:
    """At most so many of the nodes, evenly spread, first and last among them."""
    if len(nodes) <= most:
        return nodes
    chosen = np.linspace(0, len(nodes) - 1, most).round().astype(int)
    return [nodes[i] for i in sorted(set(chosen.tolist()))]


def opened(name: str, module: nn.Module, folder: Path) -> nn.Module:
    """The network as it comes back from a file whose name says nothing: recognised, rebuilt."""
    path = folder / "dropped.pth"
    torch.save(module.state_dict(), path)
    model = load_model(path)
    path.unlink()
    assert model.info.source == name
    assert len(model.classes) == CLASSES
    return model.module


def compare(
    name: str,
    module: nn.Module,
    dropped: nn.Module,
    most_explained: int,
    most_alone: int,
    device: str = "cpu",
) -> dict[str, float]:
    """Worst deviation of sweep, explain in one session, explain in a session for each, explain with
    what lies before the layer rewritten, and in a batch with another image.

    module: the network that was saved, which the reference is made of; dropped: as opened.
    """
    how = classifiers.preprocessing(name)
    model = Model(dropped, preprocessing=how, source=name, device=device)
    image = classifiers.picture()
    offered = [node for node in model.layers if node.explainable]
    with Session(model, image, budget=1 << 40) as session:
        tensor = session._work.input.cpu()
        # The top class: squeezenet's last ReLU leaves others without a gradient.
        target = session.predictions(k=1)[0].index
        reference = classifiers.all_activations_and_gradients(copy.deepcopy(module), tensor, target)
        expected = {}
        for node in offered:
            activation, gradient = reference[node.name, node.calls - 1]
            assert gradient is not None, node.name
            expected[node.name] = classifiers.reference_of(name, activation, gradient, node.layout)
        assert all(found.any() for found in expected.values()), "zero says nothing"
        worst = {
            "explain": max(
                deviation(session.explain(node.name, target).map, expected[node.name])
                for node in spread(offered, most_explained)
            )
        }
    with Session(model, image, budget=1 << 40) as session:
        swept = session.sweep(target)
    assert list(swept) == [node.name for node in offered]
    worst["sweep"] = max(deviation(swept[n].map, expected[n]) for n in swept)
    worst["alone"] = 0.0
    for node in spread(offered, most_alone):
        with Session(model, image, budget=0) as session:
            found = session.explain(node.name, target).map
        worst["alone"] = max(worst["alone"], deviation(found, expected[node.name]))
    worst["rewritten"] = 0.0
    for node in spread(offered, most_alone):
        for _ in range(3):
            with Session(model, image, budget=1 << 40) as session:
                found = session.explain(node.name, target).map
        worst["rewritten"] = max(worst["rewritten"], deviation(found, expected[node.name]))
    worst["batch"] = 0.0
    for node in spread(offered, min(most_alone, _BATCHES)):
        # The third batch of a layer is the first that is computed in a rewritten form.
        pictures = [image, classifiers.picture(seed=2)] * 3
        batches = Batches(model, node.name, size=2)
        for answer in [*batches.explain(pictures, [target, None] * 3)][::2]:
            assert answer.explanation is not None
            far = deviation(answer.explanation.map, expected[node.name])
            worst["batch"] = max(worst["batch"], far)
        # A network that amplifies rounding gets one image at a time.
        worst["together"] = worst.get("together", 0) + (batches.size == 2)
    assert not model.faster.why_not or device != "cpu" or "rounding" in model.faster.why_not
    worst["layers"] = len(offered)
    return worst


def note(name: str, worst: dict[str, float], seconds: float) -> None:
    """For whoever wants the figures: HOOKSCOPE_DEVIATIONS=FILE pytest ... collects them.

    HOOKSCOPE_EXPLAINED=N asks for no more than N layers of a network one by one; the sweep takes
    every layer all the same.
    """
    where = os.environ.get("HOOKSCOPE_DEVIATIONS")
    if where:
        with Path(where).open("a") as file:
            file.write(json.dumps({"name": name, **worst, "seconds": round(seconds, 1)}) + "\n")


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "googlenet", "vit_b_32"])
def test_the_reference_for_all_layers_is_the_one_for_a_single_layer(name: str) -> None:
    module = built(name)
    model = Model(module, preprocessing=classifiers.preprocessing(name))
    with Session(model, classifiers.picture()) as session:
        tensor = session._work.input
    reference = classifiers.all_activations_and_gradients(copy.deepcopy(module), tensor, TARGET)
    for node in spread([node for node in model.layers if node.explainable], 4):
        last = node.layout is Layout.CHANNELS_LAST
        activation, gradient = reference[node.name, node.calls - 1]
        assert gradient is not None
        grid = node.grid if node.layout is Layout.TOKENS else None
        single = reference_map(
            module, tensor, node.name, TARGET, channels_last=last, token_grid=grid
        )
        wanted = classifiers.reference_of(name, activation, gradient, node.layout)
        assert deviation(single, wanted) < 1e-5


@pytest.mark.parametrize("name", QUICK)
def test_every_layer_of_a_few_classifiers(name: str, tmp_path: Path) -> None:
    started = time.perf_counter()
    module = built(name)
    dropped = opened(name, module, tmp_path)
    worst = compare(name, module, dropped, most_explained=8, most_alone=3)
    note(name, worst, time.perf_counter() - started)
    assert worst["together"] > 0 or name not in ("resnet18", "alexnet", "swin_t", "convnext_tiny")
    kinds = ("explain", "sweep", "alone", "rewritten", "batch")
    assert max(worst[kind] for kind in kinds) <= TOLERANCE, worst


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", classifiers.names())
def test_every_layer_of_every_classifier(name: str, tmp_path: Path) -> None:
    started = time.perf_counter()
    module = classifiers.build(name, classes=CLASSES)
    dropped = opened(name, module, tmp_path)
    # The sweep takes every layer of all; one by one, the largest would take hours.
    large = sum(p.numel() for p in module.parameters()) > 60_000_000
    most = int(os.environ.get("HOOKSCOPE_EXPLAINED", "60" if large else "10000"))
    worst = compare(name, module, dropped, most_explained=most, most_alone=8)
    note(name, worst, time.perf_counter() - started)
    kinds = ("explain", "sweep", "alone", "rewritten", "batch")
    assert max(worst[kind] for kind in kinds) <= TOLERANCE, worst
