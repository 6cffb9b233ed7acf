"""The hottest pixels: how many, which, and on what."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.effects.hottest import Hottests, highest, hottest_pixels
from engine.formats.demo import SCENES
from engine.images.placing import region_of
from engine.lazy.opencv import cv2
from engine.records.edits import Hottest
from engine.records.images import Region


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load_model("demo:shapes")


def test_they_are_the_top_of_the_map_upsampled_bilinearly() -> None:
    """By OpenCV's resize, whose pixels of a whole number per cell have the same centres."""
    rng = np.random.default_rng(1)
    map = rng.standard_normal((6, 8)).astype(np.float32)
    fine = cv2.resize(map, (80, 60), interpolation=cv2.INTER_LINEAR)
    for percent in (0.5, 15, 60, 100):
        mask = hottest_pixels(map, Region(0, 0, 80, 60), (60, 80), percent)
        count = round(percent / 100 * 4800)
        assert np.count_nonzero(mask) == count
        if count < 4800:
            assert fine[mask].min() >= fine[~mask].max() - 1e-5


@pytest.mark.parametrize(
    "region", [Region(12.5, 0, 40, 60), Region(-8, 10.3, 96, 31.9), Region(0, 0, 80, 60)]
)
@pytest.mark.parametrize("percent", [1, 15, 33.3, 99])
def test_exactly_so_many_of_the_regions_pixels(region: Region, percent: float) -> None:
    rng = np.random.default_rng(2)
    maps = [rng.standard_normal((5, 7)), np.zeros((5, 7)), np.eye(5, 7), -np.ones((1, 1))]
    y, x = np.mgrid[:60, :80] + 0.5
    inside = (x >= region.x) & (x < region.x + region.width)
    inside &= (y >= region.y) & (y < region.y + region.height)
    for map in maps:
        mask = hottest_pixels(map.astype(np.float32), region, (60, 80), percent)
        assert np.count_nonzero(mask) == round(percent / 100 * np.count_nonzero(inside))
        assert not mask[~inside].any()


def test_ties_are_not_taken_row_by_row_and_always_the_same() -> None:
    values = np.zeros((40, 40), np.float32)
    values[3, 4] = 1
    one, other = highest(values, 400), highest(values, 400)
    assert np.array_equal(one, other)
    assert one[3, 4]
    # Each quarter has about a quarter of them; row by row, two would have none.
    for rows in (slice(0, 20), slice(20, 40)):
        for columns in (slice(0, 20), slice(20, 40)):
            assert 60 < np.count_nonzero(one[rows, columns]) < 140


def test_a_region_beside_the_image_has_none() -> None:
    assert not hottest_pixels(np.ones((2, 2), np.float32), Region(90, 0, 5, 5), (60, 80), 50).any()


def test_they_follow_the_session_s_map_and_class(model: engine.Model) -> None:
    image = engine.load_image(SCENES[0].path)
    masks = Hottests(model)
    region = region_of(image.width, image.height, model.preprocessing)
    for target in (None, "ring"):
        mask = masks(Hottest(10, target=target), image)
        with engine.Session(model, image) as session:
            x, y = session.explain(target=target).peak
        assert mask[int(y), int(x)]
        assert not mask[:, : int(region.x)].any()
    assert not np.array_equal(masks(Hottest(10), image), masks(Hottest(10, target="ring"), image))


def test_another_percentage_takes_no_pass(
    model: engine.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = engine.load_image(SCENES[0].path)
    masks = Hottests(model)
    small = masks(Hottest(5), image)
    monkeypatch.setattr("engine.effects.hottest.Session", None)
    large = masks(Hottest(20), image)
    assert large[small].all()
    assert np.count_nonzero(large) == round(0.2 * 800 * 800)
