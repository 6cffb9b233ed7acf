"""Several maps on one colour scale: an end that is given in place of the map's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.records.display import DisplaySettings, Sign
from engine.records.images import Region
from engine.render import overlay
from tests.explanations import explain, noise

SIZE = (40, 30)
WHOLE = Region(0.0, 0.0, 40.0, 30.0)


@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
def test_a_value_has_one_colour_whatever_else_is_in_its_map(sign: Sign) -> None:
    first = np.clip(noise(3, 4), -0.9, 0.9)
    first[1, 2] = -0.8 if sign == "negative" else 0.8
    second = noise(3, 4, seed=1) * np.float32(5)
    second[1, 2] = first[1, 2]
    settings = DisplaySettings(1.0, sign=sign, interpolation="grid", end=4.0)
    one, other = (overlay.colorize(map, settings, (4, 3)) for map in (first, second))
    np.testing.assert_array_equal(one[1, 2], other[1, 2])
    without = replace(settings, end=None)
    colors = [overlay.colorize(map, without, (4, 3))[1, 2] for map in (first, second)]
    assert not np.array_equal(*colors)


def test_the_end_is_that_of_the_bar_and_larger_values_are_said() -> None:
    map = np.array([[0.5, 3.0]], np.float32)
    settings = DisplaySettings(end=2.0)
    assert overlay.value_range(map, settings) == (0.0, 2.0)
    assert overlay.value_range(map, replace(settings, sign="negative")) == (0.0, -2.0)
    assert overlay.value_range(map, replace(settings, sign="signed")) == (-2.0, 2.0)
    assert overlay.bar_marks(explain(map, WHOLE, SIZE), settings, 1.0)[-1][1] == "≥ 2.00"
    np.testing.assert_allclose(overlay.scale(map, settings), [[0.25, 1.0]])


def test_blank_and_weak_are_the_maps_own() -> None:
    """An end that is given makes nothing out of nothing, and a strong map no weaker."""
    negative, strong = -np.abs(noise(3, 3)), np.abs(noise(3, 3))
    settings = DisplaySettings(end=1e6)
    assert overlay.is_blank(negative, settings)
    assert overlay.shown_part(strong, settings) == pytest.approx(1.0)
    assert not overlay.is_weak(strong, settings)
