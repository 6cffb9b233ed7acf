"""Photographs reduced for live answers, with their edits at the same scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.edits.apply import edited
from engine.edits.shapes import mask_of
from engine.images.reading import image_from_array
from engine.lazy.opencv import cv2
from engine.records.edits import (
    Brush,
    Crop,
    Edits,
    Ellipse,
    Fill,
    Filling,
    Hide,
    Lasso,
    Paste,
    Rectangle,
    Shape,
)
from engine.records.images import LoadedImage, Preprocessing
from gui.jobs.live_work import added_to
from gui.jobs.reduced import Reduced, reduced_for, thinned

HOW = Preprocessing(256, (224, 224), (0.5,) * 3, (0.5,) * 3)
TURN = tuple((600 + 300 * math.cos(a), 500 + 300 * math.sin(a)) for a in np.linspace(0, 6, 400))


@pytest.fixture(scope="module")
def photograph() -> LoadedImage:
    """Smooth, so that it is the same at any size."""
    y, x = np.mgrid[0:1024, 0:1536] / 1024
    pixels = np.stack([x / 1.5, y, 0.5 + 0 * x], axis=2) * 255
    return image_from_array(pixels.round().astype(np.uint8), "photograph")


@pytest.fixture(scope="module")
def small(photograph: LoadedImage) -> Reduced:
    return reduced_for(photograph, HOW)


def test_it_is_as_large_as_the_network_resizes_it_to(small: Reduced) -> None:
    assert (small.image.width, small.image.height) == (384, 256)
    assert small.scale == 0.25


def test_what_is_not_much_larger_stays(photograph: LoadedImage) -> None:
    own = image_from_array(np.ascontiguousarray(photograph.pixels[:380]), "own")
    assert reduced_for(own, HOW).image is own
    unresized = Preprocessing(None, (224, 224), (0.5,) * 3, (0.5,) * 3)
    assert reduced_for(photograph, unresized).image is photograph


@pytest.mark.parametrize(
    "shape",
    [
        Rectangle(300, 200, 400, 300),
        Ellipse(300, 200, 400, 300),
        Lasso(((100, 100), (900, 150), (400, 800))),
        Brush(TURN, 60),
    ],
)
def test_a_shape_covers_the_same_part_of_both(small: Reduced, shape: Shape) -> None:
    whole = mask_of(shape, (1024, 1536)).astype(np.float32)
    (step,) = small.edits(Edits((Hide(shape),))).steps
    assert isinstance(step, Hide)
    found = mask_of(step.shape, (256, 384))
    wanted = cv2.resize(whole, (384, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(found - wanted).mean() < 0.01


def test_what_is_cropped_or_pasted_is_the_same(photograph: LoadedImage, small: Reduced) -> None:
    part = Rectangle(0, 0, 320, 240)
    for steps in (
        (Crop(Rectangle(256, 128, 800, 640)),),
        (Paste("other", part, (400, 400), 1.5),),
        (Hide(Ellipse(400, 300, 480, 480), Filling(Fill.MEAN), keep=True),),
    ):
        done = Edits(steps)
        whole = edited(photograph, done, others=lambda *_: photograph)
        found = edited(small.image, small.edits(done), others=lambda *_: photograph)
        size = found.width, found.height
        wanted = cv2.resize(np.ascontiguousarray(whole.pixels), size, interpolation=cv2.INTER_AREA)
        assert np.abs(found.pixels.astype(int) - wanted).mean() < 3


def test_a_thinned_line_keeps_its_ends_and_its_distance() -> None:
    line = tuple((float(x), 0.0) for x in range(101))
    kept = thinned(line, 9.5)
    assert (kept[0], kept[-1]) == (line[0], line[-1])
    assert len(kept) == 11
    assert thinned(((1.0, 2.0),), 5) == ((1.0, 2.0),)


def test_a_stroke_that_grows_costs_what_was_added_to_it(photograph: LoadedImage) -> None:
    grey = Filling(Fill.GREY)
    before, now = (Edits((Hide(Brush(TURN[:n], 60), grey),)) for n in (150, 400))
    added = added_to(before, now)
    assert added is not None
    (step,) = added.steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Brush)
    assert len(step.shape.points) == 251
    found = edited(edited(photograph, before), added)
    np.testing.assert_array_equal(found.pixels, edited(photograph, now).pixels)


@pytest.mark.parametrize(
    "now",
    [
        Hide(Brush(TURN[:9], 61)),
        Hide(Brush(TURN[:9], 60), Filling(Fill.BLUR)),
        Hide(Brush(TURN[1:9], 60)),
        Hide(Brush(TURN[:9], 60), keep=True),
        Hide(Rectangle(0, 0, 9, 9)),
    ],
)
def test_anything_else_is_done_anew(now: Hide) -> None:
    before = Hide(Brush(TURN[:5], 60))
    assert added_to(Edits((before,)), Edits((now,))) is None
    assert added_to(Edits(()), Edits((now,))) is None
    crop = Crop(Rectangle(0, 0, 99, 99))
    longer = Hide(Brush(TURN[:9], 60))
    assert added_to(Edits((before,)), Edits((longer,))) is not None
    assert added_to(Edits((crop, before)), Edits((crop, longer))) is None
