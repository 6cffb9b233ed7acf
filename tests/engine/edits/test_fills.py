"""What takes the place of hidden pixels."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.edits.apply import edited, filled
from engine.edits.inpainting import MOST
from engine.edits.shapes import mask_of
from engine.images.levels import with_levels
from engine.records.edits import Edits, Ellipse, Fill, Filling, Hide, Rectangle
from engine.records.images import LoadedImage, Pixels
from engine.records.levels import Depth, Levels, LevelsMode

RNG = np.random.default_rng(2)
PICTURE: Pixels = RNG.integers(0, 256, (60, 80, 3), np.uint8)
IMAGE = engine.image_from_array(PICTURE, "noise")
BOX = Rectangle(20, 15, 24, 18)
INSIDE = (slice(15, 33), slice(20, 44))


def _done(image: LoadedImage, filling: Filling, keep: bool = False) -> Pixels:
    return edited(image, Edits((Hide(BOX, filling, keep),))).pixels


@pytest.mark.parametrize("fill", list(Fill))
@pytest.mark.parametrize("keep", [False, True])
def test_only_what_is_hidden_changes_and_the_original_never(fill: Fill, keep: bool) -> None:
    before = PICTURE.copy()
    result = _done(IMAGE, Filling(fill), keep)
    hidden = np.zeros((60, 80), bool)
    hidden[INSIDE] = True
    hidden = ~hidden if keep else hidden
    assert np.array_equal(result[~hidden], PICTURE[~hidden])
    assert (result[hidden] != PICTURE[hidden]).mean() > 0.9
    assert np.array_equal(PICTURE, before)


@pytest.mark.parametrize(
    ("filling", "colour"),
    [
        (Filling(Fill.GREY), (128, 128, 128)),
        (Filling(Fill.COLOUR, (3, 200, 77)), (3, 200, 77)),
        (Filling(Fill.MEAN), tuple(np.rint(PICTURE.mean(axis=(0, 1))))),
    ],
)
def test_one_colour(filling: Filling, colour: tuple[int, int, int]) -> None:
    assert (_done(IMAGE, filling)[INSIDE] == colour).all()


def test_blur_is_smooth_and_of_about_the_same_mean() -> None:
    inside = _done(IMAGE, Filling(Fill.BLUR))[INSIDE].astype(int)
    assert np.abs(np.diff(inside, axis=0)).max() < 12
    assert np.abs(inside.mean(axis=(0, 1)) - PICTURE.mean(axis=(0, 1))).max() < 15


def test_noise_is_seeded_and_like_the_image() -> None:
    calm = engine.image_from_array((PICTURE // 8 + 90).astype(np.uint8), "calm")
    one, other = (_done(calm, Filling(Fill.NOISE, seed=seed))[INSIDE] for seed in (1, 2))
    assert np.array_equal(one, _done(calm, Filling(Fill.NOISE, seed=1))[INSIDE])
    assert not np.array_equal(one, other)
    for own, whole in zip(one.reshape(-1, 3).T, calm.pixels.reshape(-1, 3).T, strict=True):
        assert abs(own.mean() - whole.mean()) < 4 * whole.std() / np.sqrt(own.size)
        assert own.std() == pytest.approx(whole.std(), rel=0.15)


@pytest.mark.parametrize("size", [(60, 80), (900, 1200)])
def test_inpainting_continues_a_constant_surround(size: tuple[int, int]) -> None:
    """At the larger size it is inpainted reduced."""
    assert (size[0] * size[1] > MOST) == (size[0] == 900)
    colour = (30, 140, 220)
    pixels = np.full((*size, 3), colour, np.uint8)
    height, width = size
    spot = Ellipse(width / 4, height / 4, width / 2, height / 2)
    pixels[height // 3 : height // 2, width // 3 : width // 2] = 255
    image = engine.image_from_array(pixels, "plain")
    result = edited(image, Edits((Hide(spot),))).pixels
    assert (result == colour).all()


@pytest.mark.parametrize("size", [(60, 80), (900, 1200)])
def test_inpainting_continues_a_ramp(size: tuple[int, int]) -> None:
    height, width = size
    ramp = np.linspace(20, 235, width)
    pixels = np.broadcast_to(np.rint(ramp)[None, :, None], (height, width, 3)).astype(np.uint8)
    image = engine.image_from_array(np.ascontiguousarray(pixels), "ramp")
    stripe = Rectangle(width * 0.45, 0, width * 0.05, height)
    result = edited(image, Edits((Hide(stripe),))).pixels.astype(int)
    # What is unknown spans a twentieth of the ramp, and three pixels on each side.
    assert np.abs(result - pixels.astype(int)).max() <= (0.05 + 6 / min(width, 300)) * 215


def test_inpainting_of_everything_is_the_mean_colour() -> None:
    result = filled(IMAGE, np.ones((60, 80), bool), Filling()).pixels
    assert np.abs(result - PICTURE.mean(axis=(0, 1))).max() <= 1


@pytest.mark.parametrize("size", [(60, 80), (901, 1203)])
@pytest.mark.parametrize("keep", [False, True])
def test_nothing_of_what_is_hidden_comes_through_inpainting(
    size: tuple[int, int], keep: bool
) -> None:
    height, width = size
    rng = np.random.default_rng(7)
    plain = rng.integers(90, 110, (height, width, 3), np.uint8)
    # Where it is inpainted at a smaller size, its edges lie inside cells.
    box = Rectangle(width // 4 + 2, height // 4, width // 3, height // 3)
    hidden = mask_of(box, size) ^ keep
    loud = np.where(hidden[..., None], rng.integers(0, 256, plain.shape, np.uint8), plain)
    results = [
        edited(engine.image_from_array(pixels, "x"), Edits((Hide(box, keep=keep),))).pixels
        for pixels in (plain, loud)
    ]
    assert np.array_equal(*results)


@pytest.mark.parametrize("fill", list(Fill))
def test_deep_values_are_filled_in_their_depth(fill: Fill) -> None:
    """16 bits in a narrow window: 8 bits of the whole range would have two values there."""
    values = (RNG.random((60, 80)) * 500 + 20_000).astype(np.uint16)
    image = LoadedImage(
        "deep", np.zeros((60, 80, 3), np.uint8), depth=Depth(values, (0.0, 65_535.0)),
        levels=Levels(LevelsMode.WINDOW, 20_000, 20_500),
    )  # fmt: skip
    shown = with_levels(image, image.levels)
    result = edited(shown, Edits((Hide(BOX, Filling(fill)),)))
    assert result.depth is not None
    unit = result.depth.values
    assert unit.dtype == np.float32
    # A grey image has one value a pixel still, unless the noise of its fill is coloured.
    assert unit.ndim == (3 if fill is Fill.NOISE else 2)
    unit = unit if unit.ndim == 3 else unit[..., None]
    expected = (values.astype(float) - 20_000) / 500
    outside = np.ones((60, 80), bool)
    outside[INSIDE] = False
    assert np.abs(unit[outside] - expected[outside][:, None]).max() < 1e-6
    assert 0 <= unit.min() <= unit.max() <= 1
    assert not np.allclose(unit[INSIDE], expected[INSIDE][..., None], atol=1e-3)
    assert np.abs(result.pixels.astype(float) - unit * 255).max() <= 0.501
    if fill is Fill.MEAN:
        assert np.allclose(unit[INSIDE], expected.mean(), atol=1e-4)


def test_what_is_coloured_has_three_values() -> None:
    values = (RNG.random((60, 80)) * 500).astype(np.uint16)
    image = LoadedImage("deep", np.zeros((60, 80, 3), np.uint8), depth=Depth(values, (0.0, 500.0)))
    shown = with_levels(image, Levels(LevelsMode.TYPE))
    result = edited(shown, Edits((Hide(BOX, Filling(Fill.COLOUR, (255, 0, 0))),)))
    assert result.depth is not None
    assert result.depth.values[INSIDE].reshape(-1, 3).tolist()[0] == [1, 0, 0]
    outside = np.repeat(values[:10, :, None] / 500, 3, axis=2)
    assert np.allclose(result.depth.values[:10], outside, atol=1e-6)


def test_values_reduced_as_by_torchvision_stay_as_they_are_shown() -> None:
    """Whatever the levels of a preprocessing, which are for the file's values."""
    values = RNG.integers(0, 60_000, (60, 80)).astype(np.uint16)
    image = LoadedImage(
        "deep",
        np.zeros((60, 80, 3), np.uint8),
        depth=Depth(values, (0.0, 65_535.0)),
    )
    shown = with_levels(image, Levels(LevelsMode.TORCHVISION))
    result = edited(shown, Edits((Hide(BOX, Filling(Fill.GREY)),)))
    expected = np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=2)
    expected[INSIDE] = 128
    assert np.array_equal(result.pixels, expected)
    shown = with_levels(result, Levels(LevelsMode.PERCENTILES, 20, 80))
    assert np.array_equal(shown.pixels, expected)
