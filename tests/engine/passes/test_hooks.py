"""Hooks: every call is seen once, what is handed on is used, and nothing stays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn

from engine.errors import Cancelled
from engine.passes.hooks import Call, evaluating, first_tensor, replaced, watching
from engine.progress import CancelToken
from tests.engine import networks
from tests.engine.networks import Pair

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
X = torch.zeros(1, 3, 8, 8)


def test_calls_are_counted_by_module_and_in_order(no_hooks: HookWatch) -> None:
    module = networks.Reused()
    seen: list[Call] = []
    with no_hooks(module):
        with watching(module, lambda call, *_: seen.append(call)):
            module(X)
        expected = [("stem", 0), ("act", 0)]
        for k in range(3):
            expected += [("middle", k), ("act", k + 1)]
        assert seen == [*expected, ("last", 0), ("head", 0)]
        module(X)
        assert len(seen) == 10, "no longer watched"


def test_what_is_handed_on_takes_the_outputs_place() -> None:
    module = nn.Sequential(nn.Identity(), networks.ReturnsTuple("nested"), nn.Identity())
    module[1].conv = nn.Identity()
    x = torch.rand(1, 6, 2, 2)
    with watching(module, lambda call, _part, out: out + 1 if call[0] == "1" else None):
        structure, _mean = module(x)
    assert int(structure["size"]) == 3
    assert torch.equal(structure["features"], x + 1)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Cancelled])
def test_hooks_go_when_something_is_raised(no_hooks: HookWatch, error: type[BaseException]) -> None:
    module = networks.Base()

    def visit(call: Call, part: nn.Module, output: Tensor) -> None:
        if call[0] == "middle":
            raise error

    with no_hooks(module), pytest.raises(error), watching(module, visit):
        module(X)


def test_cancelling_stops_at_the_next_module() -> None:
    module, token, seen = networks.Base(), CancelToken(), []

    def visit(call: Call, part: nn.Module, output: Tensor) -> None:
        seen.append(call)
        token.cancel()

    with pytest.raises(Cancelled), watching(module, visit, token):
        module(X)
    assert seen == [("stem", 0)]


@pytest.mark.parametrize("fails", [False, True])
def test_every_modules_own_mode_is_restored(fails: bool) -> None:
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()))
    module.train()
    module[1][0].eval()
    before = [part.training for part in module.modules()]
    try:
        with evaluating(module):
            assert not any(part.training for part in module.modules())
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert [part.training for part in module.modules()] == before


def test_first_tensor_is_found_depth_first() -> None:
    a, b, whole = torch.rand(2), torch.rand(3), torch.tensor([1, 2])
    assert first_tensor(a) is a
    assert first_tensor((whole, [{"x": a}], b)) is a
    assert first_tensor(OrderedDict(n=None, x=b)) is b
    assert first_tensor(Pair(b, a)) is b
    for nothing in (None, "text", whole, 3.5, (), {}, [whole]):
        assert first_tensor(nothing) is None


def test_replacing_keeps_the_structure() -> None:
    a, b, c = torch.rand(2), torch.rand(3), torch.rand(4)
    found = replaced(Pair((a, [b]), OrderedDict(x=a, y="text")), a, c)
    assert isinstance(found, Pair)
    assert isinstance(found.extra, OrderedDict)
    assert found.features[0] is c
    assert found.features[1][0] is b
    assert found.extra["x"] is c
    assert found.extra["y"] == "text"


@pytest.mark.parametrize(
    "error", [OSError("gone"), type("Odd", (Exception,), {})("x"), SystemExit(3)]
)
def test_whatever_a_network_raises_is_one_kind_of_error(
    error: BaseException, no_hooks: HookWatch
) -> None:
    class Raising(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    module = Raising()
    told = pytest.raises(RuntimeError, match=type(error).__name__)
    with no_hooks(module), told, watching(module, lambda *_: None):
        module(X)
