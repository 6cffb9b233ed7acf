"""Every method on every layer: what a click and a sweep give is the formula of the method.

Activations and gradients are taken from a copy of the network that keeps each output and hands a
clone on (tests.engine.classifiers), the formulas are in numpy (tests.formulas).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
from torch import Tensor, nn

from engine import Session
from engine.methods.registry import METHODS, Need
from engine.model import Model
from engine.records.explanations import Explanation
from engine.records.models import LayerNode, Layout
from tests.engine.classifiers import all_activations_and_gradients
from tests.engine.explain.test_session import unchanged
from tests.engine.families import FAMILIES
from tests.engine.networks import IMAGE, model_of, seeded
from tests.formulas import FORMULAS, Array

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
Pairs = dict[tuple[str, int], tuple[Array, Array]]
TARGET = 2
TOLERANCE = 1e-4
# Those that every layer can have, and that derive the class's own logit.
SWEPT = [m for m in METHODS if m.swept and not m.pooled and not m.compared]
SLUGS = [method.slug for method in SWEPT]
GRADIENT = [method.slug for method in SWEPT if Need.GRADIENT in method.needs]

# A quotient by a sum of both signs may be as ill-conditioned as it likes: with a float32 network,
# one rounding of the activation is another map. In float64 nothing is lost.
QUOTIENTS = ("xgrad-cam", "grad-cam++")


pytestmark = pytest.mark.usefixtures("one_thread")


def channels_first(tensor: Tensor, node: LayerNode) -> Array:
    """(C, h, w) in float64; of a sequence, the last cells of as many as the grid has."""
    values = tensor[0].double().numpy()
    if node.layout is Layout.TOKENS:
        assert node.grid is not None
        rows, columns = node.grid
        values = values[len(values) - rows * columns :].reshape(rows, columns, -1)
    return values if node.layout is Layout.CHANNELS_FIRST else values.transpose(2, 0, 1)


def pairs_of(model: Model, module: nn.Module, tensor: Tensor) -> Pairs:
    """Activation and gradient of every call of every layer that the tree offers."""
    found = all_activations_and_gradients(copy.deepcopy(module), tensor, TARGET)
    pairs: Pairs = {}
    for node in model.layers:
        for k in range(node.calls if node.explainable else 0):
            activation, gradient = found[node.name, k]
            assert gradient is not None, node.name
            pairs[node.name, k] = channels_first(activation, node), channels_first(gradient, node)
    return pairs


def expected_of(slug: str, a: Array, g: Array, layout: Layout | None) -> Array:
    if slug == "grad-cam" and layout is Layout.TOKENS:
        # Keys that are all shifted alike change nothing: what is left of the weights is rounding.
        weights = g.mean(axis=(1, 2))
        if np.abs(weights).max() < 1e-6 * np.abs(g).mean():
            return np.zeros(a.shape[1:])
    return FORMULAS[slug](a, g)


def check(found: Explanation, expected: Array, where: tuple[str, str, int]) -> None:
    assert found.map.dtype == np.float32, where
    assert found.map.shape == expected.shape, where
    largest = np.abs(expected).max()
    deviation = np.abs(found.map.astype(np.float64) - expected).max()
    assert deviation <= TOLERANCE * largest, (where, deviation / largest)
    assert (found.method, found.layer) == (where[0], f"{where[1]}#{where[2]}"), where


def compare(module: nn.Module, slugs: list[str], steady_only: bool) -> None:
    """steady_only: leave out quotients by sums of both signs."""
    model = model_of(module)
    nodes = {node.name: node for node in model.layers}
    offered = [node for node in model.layers if node.explainable]
    with Session(model, IMAGE, budget=1 << 40) as session:
        pairs = pairs_of(model, module, session._work.input)
    assert len(pairs) >= 3
    blank = 0
    for slug in slugs:
        wanted: dict[tuple[str, int], Array] = {}
        for (name, k), (a, g) in pairs.items():
            if slug in QUOTIENTS and steady_only and a.min() < 0:
                continue
            wanted[name, k] = expected_of(slug, a, g, nodes[name].layout)
            blank += not wanted[name, k].any()
        if not wanted:
            continue
        with Session(model, IMAGE, budget=1 << 40) as clicked:
            for (name, k), expected in wanted.items():
                found = clicked.explain(f"{name}#{k}", TARGET, method=slug)
                check(found, expected, (slug, name, k))
        with Session(model, IMAGE, budget=1 << 40) as swept:
            maps = swept.sweep(TARGET, method=slug)
            assert list(maps) == [node.name for node in offered]
            before = swept._work.forward_seconds
            for name, k in wanted:
                alone = swept.explain(f"{name}#{k}", TARGET, method=slug)
                check(alone, wanted[name, k], (slug, name, k))
                if k == nodes[name].calls - 1:
                    np.testing.assert_array_equal(maps[name].map, alone.map)
                    assert maps[name].options == alone.options
            assert swept._work.forward_seconds == before, "a click after a sweep ran the network"
        # With a graph of its own, from that layer on.
        name, k = sorted(wanted)[len(wanted) // 2]
        with Session(model, IMAGE, budget=0) as frugal:
            found = frugal.explain(f"{name}#{k}", TARGET, method=slug)
            check(found, wanted[name, k], (slug, name, k))
    assert blank <= 2 * len(slugs), "zero says nothing"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_on_every_call_of_every_layer(family: str, no_hooks: HookWatch) -> None:
    module = seeded(FAMILIES[family]).double().eval()
    with unchanged(module), no_hooks(module):
        compare(module, SLUGS, steady_only=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_in_float32(family: str) -> None:
    compare(seeded(FAMILIES[family]).eval(), SLUGS, steady_only=True)


def test_the_formulas_are_of_all_methods() -> None:
    assert list(FORMULAS) == SLUGS
