"""Exact computation, switched on in the window: the model's own layers alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

import engine
from engine.loading.load import load_model
from gui.settings.table import EXACT
from tests.gui.controllers.test_controller import Bench


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(qtbot, tmp_path)
    yield bench
    bench.close()


def test_the_map_is_computed_anew_with_the_models_own_layers(bench: Bench) -> None:
    bench.start(sweep=False)
    for _ in range(2):
        shown = bench.state.explanation
        bench.controller.images.step(1)
        bench.until(lambda shown=shown: bench.explained and bench.state.explanation is not shown)
    before, image = bench.state.explanation, bench.state.current
    assert before is not None
    assert image is not None
    assert image.loaded is not None
    # The engine is not made for two threads at once, and the lane goes on when it is idle.
    bench.until(lambda: bench.idle)
    with engine.Session(load_model("demo:shapes"), image.loaded) as session:
        found = session.explain()
    exact = found.map
    bench.settings.set(EXACT, True)
    bench.until(lambda: bench.explained and bench.state.explanation is not before)
    after = bench.state.explanation
    assert after is not None
    for shown in (before, after):
        assert (shown.image, shown.layer) == (image.loaded.name, found.layer)
        assert shown.target.index == found.target.index
    np.testing.assert_array_equal(after.map, exact)
    np.testing.assert_allclose(before.map, exact, rtol=0, atol=1e-5 * np.abs(exact).max())
