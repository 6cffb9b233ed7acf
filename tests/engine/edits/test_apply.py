"""Edits one after the other: order, frames, crops, pasting, and what stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from engine.edits.apply import edited, filled, frame_of
from engine.edits.shapes import mask_of
from engine.edits.words import described
from engine.errors import Cancelled, EditError
from engine.progress import CancelToken
from engine.records.edits import (
    Brush,
    Change,
    Changing,
    Crop,
    Edit,
    Edits,
    Ellipse,
    Fill,
    Filling,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Rectangle,
)
from engine.records.images import LoadedImage, Pixels, Region

RNG = np.random.default_rng(6)
PICTURE: Pixels = RNG.integers(0, 256, (60, 80, 3), np.uint8)
IMAGE = LoadedImage("a.png", PICTURE, Path("/x/a.png"), page=2, pages=3)
GREY = Filling(Fill.GREY)
OTHER = engine.image_from_array(RNG.integers(0, 256, (30, 50, 3), np.uint8), "other.png")


def _done(*steps: Edit) -> Pixels:
    return edited(IMAGE, Edits(steps), others=lambda _source, _page: OTHER).pixels


def test_without_edits_it_is_the_same_image() -> None:
    assert edited(IMAGE, Edits()) is IMAGE
    assert edited(IMAGE, Edits((Hide(Rectangle(0, 0, 9, 9), on=False),))) is IMAGE


def test_it_stays_the_image_of_its_file() -> None:
    result = edited(IMAGE, Edits((Crop(Rectangle(0, 0, 9, 9)),)))
    assert (result.name, result.path, result.page, result.pages) == ("a.png", IMAGE.path, 2, 3)
    assert not result.is_same_input(IMAGE)


def test_a_crop_is_the_part() -> None:
    assert np.array_equal(_done(Crop(Rectangle(10, 20, 30, 25))), PICTURE[20:45, 10:40])
    assert np.array_equal(_done(Crop(Rectangle(-5, 50.4, 9.5, 99))), PICTURE[50:, :5])


def test_shapes_are_on_the_image_of_the_file_whatever_is_cropped() -> None:
    shape = Ellipse(12, 18, 30, 30)
    cropped = _done(Crop(Rectangle(10, 20, 30, 25)), Hide(shape, GREY))
    whole = _done(Hide(shape, GREY))
    assert np.array_equal(cropped, whole[20:45, 10:40])


def test_a_second_crop_is_within_the_first() -> None:
    steps = (Crop(Rectangle(10, 20, 30, 25)), Crop(Rectangle(0, 30, 20, 99)))
    assert np.array_equal(_done(*steps), PICTURE[30:45, 10:20])
    assert frame_of(Edits(steps), 80, 60) == Region(10, 30, 10, 15)


def test_points_of_the_result_are_found_in_the_image() -> None:
    steps = Edits((Crop(Rectangle(11.2, 7.6, 40, 30)), Change(Changing.BRIGHTNESS, 0)))
    frame = frame_of(steps, 80, 60)
    result = edited(IMAGE, steps)
    assert (result.width, result.height) == (frame.width, frame.height)
    for x, y in ((0, 0), (5, 9), (39, 29)):
        assert (result.pixels[y, x] == PICTURE[int(frame.y) + y, int(frame.x) + x]).all()


@pytest.mark.parametrize("part", [(80, 0, 9, 9), (0, -9, 5, 9), (3.1, 3.1, 0.2, 0.2)])
def test_a_crop_without_a_pixel_is_said(part: tuple[float, float, float, float]) -> None:
    with pytest.raises(EditError, match=r"a\.png: the crop .* has no pixel"):
        _done(Crop(Rectangle(*part)))


def test_order_matters() -> None:
    hide, flip = Hide(Rectangle(0, 0, 20, 20), GREY), Change(Changing.FLIP_X, 1)
    one, other = _done(hide, flip), _done(flip, hide)
    assert (one[:20, 60:] == 128).all()
    assert (other[:20, :20] == 128).all()
    assert not np.array_equal(one, other)


def test_keeping_is_hiding_the_rest() -> None:
    shape = Lasso(((3, 4), (70, 10), (30, 55)))
    mask = mask_of(shape, (60, 80))
    kept = _done(Hide(shape, GREY, keep=True))
    assert np.array_equal(kept, filled(IMAGE, mask, GREY, keep=True).pixels)
    assert (kept[~mask] == 128).all()
    assert np.array_equal(kept[mask], PICTURE[mask])


def test_a_shape_beside_the_image_hides_nothing_and_keeps_nothing() -> None:
    far = Rectangle(500, 0, 9, 9)
    assert np.array_equal(_done(Hide(far)), PICTURE)
    assert (_done(Hide(far, GREY, keep=True)) == 128).all()


def test_the_hottest_are_asked_for_on_what_the_edits_before_leave() -> None:
    seen: list[Pixels] = []

    def masks(hottest: Hottest, image: LoadedImage) -> np.ndarray:
        assert hottest == Hottest(7)
        seen.append(image.pixels)
        return image.pixels[..., 0] > 200

    crop = Crop(Rectangle(10, 20, 30, 25))
    result = edited(IMAGE, Edits((crop, Hide(Hottest(7), GREY))), masks=masks).pixels
    before = PICTURE[20:45, 10:40]
    assert np.array_equal(seen[0], before)
    assert np.array_equal(result, np.where(before[..., :1] > 200, 128, before))
    with pytest.raises(ValueError, match="masks"):
        edited(IMAGE, Edits((Hide(Hottest(7)),)))


def test_pasting_lays_a_part_at_its_place() -> None:
    result = _done(Paste("other.png", Rectangle(5, 6, 20, 10), (40, 30)))
    expected = PICTURE.copy()
    expected[30:40, 40:60] = OTHER.pixels[6:16, 5:25]
    assert np.array_equal(result, expected)


def test_what_sticks_out_is_cut_off() -> None:
    result = _done(Paste("other.png", Rectangle(0, 0, 50, 30), (-10, 50)))
    expected = PICTURE.copy()
    expected[50:, :40] = OTHER.pixels[:10, 10:]
    assert np.array_equal(result, expected)
    assert np.array_equal(_done(Paste("o", Rectangle(0, 0, 50, 30), (200, 0))), PICTURE)


def test_pasting_at_half_the_size_takes_the_mean_of_four() -> None:
    result = _done(Paste("o", Rectangle(0, 0, 50, 30), (10, 10), scale=0.5))
    four = OTHER.pixels.reshape(15, 2, 25, 2, 3).mean(axis=(1, 3))
    assert np.abs(result[10:25, 10:35] - four).max() <= 0.5


def test_pasting_from_outside_the_other_image_is_said() -> None:
    with pytest.raises(EditError, match=r"other\.png: what is to be pasted lies outside"):
        _done(Paste("o", Rectangle(60, 0, 5, 5), (0, 0)))
    with pytest.raises(EditError, match="scale it down"):
        _done(Paste("o", Rectangle(0, 0, 50, 30), (0, 0), scale=1e4))


def test_it_stops_when_cancelled() -> None:
    cancel = CancelToken()
    cancel.cancel()
    for step in (Hide(Rectangle(0, 0, 9, 9)), Change(Changing.HUE, 5)):
        with pytest.raises(Cancelled):
            edited(IMAGE, Edits((step,)), cancel=cancel)


def test_equal_edits_give_equal_images() -> None:
    steps = (
        Hide(Brush(((5, 5), (70, 50)), 6)),
        Change(Changing.NOISE, 4, seed=3),
        Hide(Ellipse(30, 30, 9, 9), Filling(Fill.NOISE, seed=1)),
    )
    assert np.array_equal(_done(*steps), _done(*steps))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Crop(Rectangle(10, 20, 30, 40)), "crop to 30 x 40 at 10, 20"),
        (Hide(Hottest(15)), "hide the hottest 15 %, filled with inpainting"),
        (
            Hide(Ellipse(1, 2, 3, 4), Filling(Fill.COLOUR, (255, 0, 16)), keep=True),
            "keep only an ellipse of 3 x 4 at 1, 2, filled with #ff0010",
        ),
        (Change(Changing.ROTATE, -15), "rotate −15°"),
        (Change(Changing.BRIGHTNESS, 20), "brightness +20 %"),
        (Change(Changing.JPEG, 40), "JPEG quality 40"),
        (Change(Changing.FLIP_X, 1), "flip left and right"),
        (Paste("a/b.png", Rectangle(0, 0, 5, 6), (7, 8)), "paste 5 x 6 at 0, 0 of b.png at 7, 8"),
    ],
)
def test_edits_in_words(step: Edit, words: str) -> None:
    assert described(step) == words
