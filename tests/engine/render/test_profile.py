"""Values of a map along a line, against the map itself and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.records.explanations import Explanation
from engine.records.images import Region
from engine.render.overlay import value_at
from engine.render.profile import line_through, moved, profile
from tests.explanations import explain

Make = Callable[..., Explanation]


@pytest.fixture
def make() -> Make:
    shown = explain(np.zeros((2, 3), np.float32), Region(10.0, 20.0, 60.0, 40.0), (100, 80))
    return lambda map, **changes: replace(shown, map=np.asarray(map, np.float32), **changes)


def test_cells_are_those_of_the_readout(make: Make) -> None:
    """The values under the pointer, at every place of the line."""
    shown = make(np.arange(6).reshape(2, 3) - 2.5)
    found = profile(shown, (0.5, 25.5), (99.5, 55.5), "grid", samples=100)
    for x, y, value in zip(found.xs, found.ys, found.values, strict=True):
        wanted = value_at(shown, x, y)
        assert (wanted is None and np.isnan(value)) or value == wanted
    assert np.isnan(found.values[0])
    assert not np.isnan(found.values[50])
    assert found.distances[0] == 0.0
    assert found.distances[-1] == pytest.approx(math.hypot(99, 30))


def test_smooth_is_linear_between_centres(make: Make) -> None:
    """A plane is met exactly between the outer centres."""
    rows, columns = 8, 12
    u, v = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    shown = make(3 * u - 2 * v)
    region = shown.region
    found = profile(shown, (20.0, 25.0), (60.0, 55.0), "smooth")
    across = (found.xs - region.x) / region.width * columns
    down = (found.ys - region.y) / region.height * rows
    np.testing.assert_allclose(found.values, 3 * across - 2 * down, atol=1e-5)


def test_a_line_outside_the_region_has_no_values(make: Make) -> None:
    found = profile(make(np.ones((2, 3))), (0.0, 5.0), (99.0, 5.0))
    assert np.isnan(found.values).all()


def test_a_point_is_no_line(make: Make) -> None:
    with pytest.raises(ValueError, match="two samples"):
        profile(make(np.ones((2, 3))), (0.0, 0.0), (1.0, 1.0), samples=1)


def test_lines_through_the_largest_value(make: Make) -> None:
    shown = make([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    x, y = shown.peak
    assert (x, y) == (60.0, 50.0)
    assert line_through(shown, "row") == ((10.0, 50.0), (70.0, 50.0))
    assert line_through(shown, "column") == ((60.0, 20.0), (60.0, 60.0))
    # Down to the right by as much, from edge to edge of the region.
    assert line_through(shown, "diagonal") == ((30.0, 20.0), (70.0, 60.0))
    with pytest.raises(ValueError, match="row, column or diagonal"):
        line_through(shown, "none")


def test_a_line_moves_by_cells_and_stays_on_the_image(make: Make) -> None:
    shown = make(np.zeros((2, 3)))  # cells of 20 x 20 pixels on an image of 100 x 80
    line = (10.0, 30.0), (70.0, 30.0)
    assert moved(shown, line, (1, 1), end=False) == ((30.0, 50.0), (90.0, 50.0))
    assert moved(shown, line, (0, -1), end=True) == ((10.0, 30.0), (70.0, 10.0))
    # Whole, it stops where its first end does; its length stays.
    assert moved(shown, line, (-1, 0), end=False) == ((0.0, 30.0), (60.0, 30.0))
    assert moved(shown, line, (9, 0), end=False) == ((40.0, 30.0), (100.0, 30.0))
    assert moved(shown, line, (9, 9), end=True) == ((10.0, 30.0), (100.0, 80.0))
    # An end that is outside already goes no further, but back.
    out = (50.0, 40.0), (120.0, 40.0)
    assert moved(shown, out, (1, 0), end=True) == out
    assert moved(shown, out, (-1, 0), end=True) == ((50.0, 40.0), (100.0, 40.0))
