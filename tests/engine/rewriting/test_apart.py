"""Activations that need not overwrite anything do not, and the numbers stay the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.explain.session import Session
from engine.model import Model
from engine.rewriting.packed import available
from tests.engine import classifiers
from tests.engine.families import FAMILIES
from tests.engine.networks import IMAGE, model_of, seeded

pytestmark = pytest.mark.skipif(not available(), reason="this torch has no oneDNN operations")


class _Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.silu = nn.SiLU(inplace=True)
        self.last = nn.Conv2d(6, 6, 3)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 4)

    def middle(self, x: Tensor) -> Tensor:
        return self.silu(self.norm(self.conv(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.relu(self.last(self.middle(x))).mean((2, 3)))


class _Reread(_Plain):
    """What was overwritten is read again, by its first name: as activated."""

    def middle(self, x: Tensor) -> Tensor:
        found = self.norm(self.conv(x))
        return self.silu(found) + found


class _Viewed(_Plain):
    """A view of what is overwritten is read later."""

    def middle(self, x: Tensor) -> Tensor:
        found = self.norm(self.conv(x))
        view = found[:, :3]
        return self.silu(found) * view.mean()


class _Half(_Plain):
    """A part is overwritten, and the whole is read."""

    def middle(self, x: Tensor) -> Tensor:
        found = self.norm(self.conv(x))
        self.silu(found[:, :3])
        return found


class _Added(_Plain):
    """In place on what another operation has already changed in place."""

    def middle(self, x: Tensor) -> Tensor:
        found = self.norm(self.conv(x))
        found += 1
        return self.silu(found)


class _Hidden(_Plain):
    """Its activation is reached by another way than its name."""

    def __init__(self) -> None:
        super().__init__()
        self.other = [self.silu]

    def middle(self, x: Tensor) -> Tensor:
        return self.other[0](self.norm(self.conv(x)))


class _Twice(_Plain):
    """One activation for two layers, one of which is read again."""

    def middle(self, x: Tensor) -> Tensor:
        return self.silu(self.norm(self.conv(x)))

    def forward(self, x: Tensor) -> Tensor:
        found = self.last(self.middle(x))
        return self.fc((self.silu(found) + found).mean((2, 3)))


KINDS: list[tuple[type[_Plain], set[str]]] = [
    (_Plain, {"norm", "last"}),
    (_Reread, {"last"}),
    (_Viewed, {"last"}),
    (_Half, {"last"}),
    (_Added, {"last"}),
    (_Hidden, {"last"}),
    (_Twice, set()),
]


def swept(model: Model, times: int, *, exact: bool = False) -> list[dict[str, np.ndarray]]:
    found = []
    for _ in range(times):
        with Session(model, IMAGE, exact=exact) as session:
            found.append({name: one.map for name, one in session.sweep(1).items()})
    return found


@pytest.mark.parametrize(("kind", "released"), KINDS)
def test_only_what_nothing_else_reads_is_left_alone(
    kind: Callable[[], nn.Module], released: set[str]
) -> None:
    model = model_of(seeded(kind))
    before = copy.deepcopy(model.module.state_dict())
    maps = swept(model, 3)
    known = model.faster._apart
    assert {name for name, _ in known.released} == released if known else not released
    (exact,) = swept(model, 1, exact=True)
    for one in maps:
        assert one.keys() == exact.keys()
        for name, found in one.items():
            np.testing.assert_allclose(found, exact[name], rtol=1e-5, atol=1e-6)
    assert all(module.inplace for module in (model.module.silu, model.module.relu))
    for key, value in model.module.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(family: str) -> None:
    how = classifiers.preprocessing("resnet18")
    how = type(how)(24, (24, 32), how.mean, how.std)
    model = Model(seeded(FAMILIES[family]).eval(), preprocessing=how)
    (exact,) = swept(model, 1, exact=True)
    for one in swept(model, 3):
        assert one.keys() == exact.keys()
        for name, found in one.items():
            peak = np.abs(exact[name]).max()
            assert np.abs(found - exact[name]).max() <= 1e-4 * peak, name


def test_it_is_found_with_the_second_sweep() -> None:
    model = model_of(seeded(_Plain))
    swept(model, 1)
    assert model.faster._apart is None
    swept(model, 1)
    assert model.faster._apart is not None
    exact = model_of(seeded(_Plain))
    swept(exact, 3, exact=True)
    assert exact.faster._apart is None
