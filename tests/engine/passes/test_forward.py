"""A pass keeps what was asked for, from where it was asked, and its graph gives any gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.explain.maps import map_all, map_one
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import GRAD_CAM
from engine.passes.forward import run_forward
from engine.records.models import Layout
from tests.engine import networks
from tests.engine.networks import seeded
from tests.reference import reference_activation_and_gradient, reference_map

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
FIRST = Axes(Layout.CHANNELS_FIRST, (12, 16))


@pytest.fixture
def picture() -> Tensor:
    return torch.randn(1, 3, 12, 16, generator=torch.Generator().manual_seed(0))


def test_a_graph_that_starts_at_a_layer_holds_nothing_before_it(picture: Tensor) -> None:
    module = seeded(networks.Base).eval()
    done, _ = run_forward(module, picture, ("middle", 0), (), ())
    assert list(done.kept) == [("middle", 0)]
    output = done.kept["middle", 0].tensor
    assert output.is_leaf
    assert done.leaf is output
    raw = map_one(done, ("middle", 0), 1, GRAD_CAM, FIRST)
    np.testing.assert_allclose(raw.map, reference_map(module, picture, "middle", 1), atol=1e-7)
    assert not picture.requires_grad


def test_clones_are_found_out_where_they_were_not_known(
    picture: Tensor, no_hooks: HookWatch
) -> None:
    """Given no hint which outputs are overwritten, the pass notices and is repeated."""
    module = seeded(networks.InplaceAddition).eval()
    wanted = [("stem", 0), ("middle", 0), ("last", 0)]
    with no_hooks(module):
        done, clones = run_forward(module, picture, None, wanted, ())
        assert clones == {("middle", 0)}
        for call in wanted:
            activation, _ = reference_activation_and_gradient(module, picture, call[0], 0)
            assert torch.equal(done.kept[call].tensor, activation)
            found = map_one(done, call, 2, GRAD_CAM, FIRST).map
            np.testing.assert_allclose(found, reference_map(module, picture, call[0], 2), atol=1e-7)
        again, same = run_forward(module, picture, None, wanted, clones)
        assert same == clones
        assert torch.equal(again.logits, done.logits)
        _, from_start = run_forward(module, picture, ("middle", 0), (), ())
        assert from_start == {("middle", 0)}


def test_no_more_copies_than_needed(picture: Tensor) -> None:
    module = seeded(networks.Base).eval()
    done, clones = run_forward(module, picture, None, [("stem", 0), ("middle", 0)], ())
    assert clones == frozenset()
    assert done.seconds > 0


def test_a_sweep_equals_explaining_one_by_one(picture: Tensor) -> None:
    module = seeded(networks.Reused).eval()
    calls = [("stem", 0), ("middle", 0), ("middle", 1), ("middle", 2), ("act", 3), ("last", 0)]
    clones = [call for call in calls if call[0] != "last"]
    done, _ = run_forward(module, picture, None, calls, clones)
    for target in (0, 3):
        swept = map_all(done, dict.fromkeys(calls, FIRST), target, GRAD_CAM)
        assert set(swept) == set(calls)
        for call in calls:
            single = map_one(done, call, target, GRAD_CAM, FIRST)
            np.testing.assert_allclose(swept[call].map, single.map, rtol=1e-5, atol=1e-8)
            assert swept[call].anything == single.anything
    assert not any(kept.tensor._backward_hooks for kept in done.kept.values())


def test_logits_are_those_of_the_untouched_network(picture: Tensor) -> None:
    for make in (networks.InplaceView, networks.Reused, networks.InplaceInput):
        module = seeded(make).eval()
        before = picture.clone()
        done, _ = run_forward(module, picture, None, [("stem", 0)], ())
        with torch.no_grad():
            assert torch.equal(done.logits, module(picture.clone()))
        assert torch.equal(picture, before)
