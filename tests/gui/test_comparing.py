"""Comparing in the real window: panes beside each other, each with a map of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.formats.demo import SCENES
from engine.records.explanations import Explanation
from gui.state.panes import Pane
from tests.gui.user import Key, User


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def panes(user: User) -> list[Pane]:
    return user.program.state.panes


def wait_panes(user: User, count: int) -> list[Pane]:
    """So many panes, each with its map."""

    def there() -> bool:
        found = panes(user)
        shown = all(p.bare or (p.explanation is not None and not p.computing) for p in found)
        return len(found) == count and shown

    user.until(there)
    user.settle()
    return panes(user)


def alone(
    pane: Pane, image: Path = SCENES[0].path, model: str = "demo:shapes", **asked: Any
) -> Explanation:
    """What a session of its own finds."""
    with engine.Session(engine.load_model(model), engine.load_image(image)) as session:
        return session.explain(asked.pop("layer", None), asked.pop("target", None), **asked)


def same(found: Explanation | None, wanted: Explanation) -> None:
    assert found is not None
    assert (found.layer, found.method, found.target.index) == (
        wanted.layer,
        wanted.method,
        wanted.target.index,
    )
    peak = np.abs(wanted.map).max()
    np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-5 * peak)


def predicted(user: User, rank: int) -> int:
    answer = user.program.state.answer
    assert answer is not None
    return answer.predictions[rank - 1].index


def test_c_and_a_digit_show_another_class_beside_the_first(user: User) -> None:
    program = user.start()
    first = program.state.explanation
    ring = predicted(user, 2)
    user.press(Key.Key_C)
    assert program.state.picking
    user.press(Key.Key_2)
    one, two = wait_panes(user, 2)
    assert one.explanation is first
    assert program.state.pane is one, "the first stays the one that the panels speak of"
    assert program.state.target != ring
    same(two.explanation, alone(two, target=ring))
    assert program.window.predictions.selected() == one.explanation.target.index
    assert len(program.window.panes.headings) == 2
    assert not program.window.panes.scale.isHidden()
