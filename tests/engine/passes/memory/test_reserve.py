"""Memory that is held between passes: how much, and when it is given back."""

from __future__ import annotations

from collections import Counter

import pytest

import engine
from engine.passes.memory.reserve import Reserve
from tests.engine import networks
from tests.engine.networks import IMAGE, model_of, seeded

MIB = 1 << 20


def test_what_a_pass_took_is_held_until_the_next() -> None:
    reserve = Reserve()
    reserve.hold(100 * MIB, Counter(), Counter({MIB: 3, 2 * MIB: 2}))
    assert reserve.bytes == 7 * MIB
    reserve.give()
    assert reserve.bytes == 0
    reserve.hold(100 * MIB, Counter({MIB: 2}))
    assert reserve.bytes == 5 * MIB, "all but what the pass has taken"
    reserve.hold(100 * MIB, Counter(), Counter({MIB: 2}))
    assert reserve.bytes == 7 * MIB, "as much as the largest took"
    reserve.clear()
    reserve.hold(100 * MIB, Counter())
    assert reserve.bytes == 0


@pytest.mark.parametrize(("allowed", "held"), [(8 * MIB, 2 * MIB), (3 * MIB, 0), (0, 0)])
def test_no_more_than_a_part_of_what_a_pass_may_take(allowed: int, held: int) -> None:
    reserve = Reserve()
    reserve.hold(allowed, Counter(), Counter({MIB: 20}))
    assert reserve.bytes == held


def test_there_is_an_upper_limit() -> None:
    reserve = Reserve()
    reserve.hold(1 << 50, Counter(), Counter({256 * MIB: 9}))
    assert reserve.bytes == 512 * MIB


def test_a_session_leaves_it_to_the_next() -> None:
    model = model_of(seeded(networks.Base))
    with engine.Session(model, IMAGE) as session:
        session.explain("last", 1)
        assert model.reserve.bytes == 0, "one layer alone"
        session.sweep(1)
        open_ = model.reserve.bytes
    held = model.reserve.bytes
    assert held > open_
    with engine.Session(model, IMAGE) as session:
        again = session.sweep(1)
        assert model.reserve.bytes == open_
    assert again
    assert model.reserve.bytes == held


def test_a_session_with_little_memory_holds_none() -> None:
    model = model_of(seeded(networks.Base))
    with engine.Session(model, IMAGE, budget=0) as session:
        session.sweep(1)
    assert model.reserve.bytes == 0
