"""Thumbnails of maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import Cancelled
from engine.progress import CancelToken, ignore_progress
from engine.records.display import DisplaySettings
from gui.jobs import colouring
from gui.jobs.lanes import Watch
from tests.gui.jobs.samples import explanation


@pytest.fixture
def watch() -> Watch:
    return Watch(CancelToken(), ignore_progress)


def test_equal_maps_are_drawn_once(watch: Watch) -> None:
    shared = explanation()
    other = replace(shared, map=shared.map.copy())
    maps = {"layer4": shared, "layer4.1": replace(shared, layer="layer4.1"), "layer3": other}
    drawn = colouring.map_thumbnails(maps, DisplaySettings(), 24, watch)
    assert list(drawn) == list(maps)
    assert drawn["layer4"] is drawn["layer4.1"]
    assert drawn["layer3"] is not drawn["layer4"]


def test_thumbnails_are_not_on_the_locked_scale(watch: Watch) -> None:
    one = explanation()
    locked = DisplaySettings(end=1e6 * float(np.abs(one.map).max()))
    free = colouring.map_thumbnails({"layer4": one}, DisplaySettings(), 24, watch)["layer4"]
    assert colouring.map_thumbnails({"layer4": one}, locked, 24, watch)["layer4"] == free


def test_drawing_maps_can_be_stopped(watch: Watch) -> None:
    watch.cancel.cancel()
    with pytest.raises(Cancelled):
        colouring.map_thumbnails({"layer4": explanation()}, DisplaySettings(), 24, watch)
