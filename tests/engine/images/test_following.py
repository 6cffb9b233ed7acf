"""Resizing only what changed gives what preparing the whole gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import engine
from engine.images.following import Following
from engine.images.preprocessing import prepare
from engine.records.images import Channels, LoadedImage, Preprocessing, Region
from engine.records.levels import Depth, Levels, LevelsMode

HALF, QUARTER = (0.5,) * 3, (0.25,) * 3


def _how(**changes: object) -> Preprocessing:
    fields: dict[str, object] = {"resize": 48, "crop": (40, 44), "mean": HALF, "std": QUARTER}
    return Preprocessing(**(fields | changes))  # type: ignore[arg-type]


WAYS = {
    "bilinear": _how(),
    "bicubic": _how(interpolation="bicubic"),
    "lanczos": _how(interpolation="lanczos", resize=(30, 70)),
    "enlarged": _how(resize=300, crop=(280, 300)),
    "letterbox": _how(resize=(44, 44), crop=(44, 44), letterbox=True),
    "grey": _how(channels=Channels.GREY, mean=(0.5,), std=(0.25,)),
    "nearest": _how(interpolation="nearest"),
    "torchvision": _how(antialias=False),
    "as it is": _how(resize=None),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_follows_equals_what_is_prepared_anew(name: str) -> None:
    """To a grey level in a few pixels, which Pillow rounds otherwise."""
    how, rng = WAYS[name], np.random.default_rng(8)
    pixels = rng.integers(0, 256, (97, 131, 3), np.uint8)
    following = Following(how)
    following.prepare(engine.image_from_array(pixels, "x"))
    levels = 1 / 255 / how.std[0]
    for _ in range(8):
        left, top = int(rng.integers(0, 120)), int(rng.integers(0, 90))
        width, height = int(rng.integers(1, 132 - left)), int(rng.integers(1, 98 - top))
        pixels = pixels.copy()
        part = (slice(top, top + height), slice(left, left + width))
        pixels[part] = rng.integers(0, 256, pixels[part].shape, np.uint8)
        image = engine.image_from_array(pixels, "x")
        found = following.prepare(image, Region(left, top, width, height))
        expected = prepare(image, how)
        assert found.region == expected.region
        far = (found.tensor - expected.tensor).abs()
        assert float(far.max()) < 1.01 * levels
        assert float((far > 0).float().mean()) < 0.1


def test_another_size_and_what_is_wholly_new_are_prepared_anew() -> None:
    rng, how = np.random.default_rng(9), WAYS["bilinear"]
    following = Following(how)
    for size in ((97, 131), (60, 200), (60, 200)):
        image = engine.image_from_array(rng.integers(0, 256, (*size, 3), np.uint8), "x")
        assert torch.equal(following.prepare(image).tensor, prepare(image, how).tensor)


def test_deep_values_are_prepared_anew() -> None:
    rng, how = np.random.default_rng(9), WAYS["bilinear"]
    values = rng.integers(0, 60_000, (97, 131)).astype(np.uint16)
    image = LoadedImage(
        "deep",
        np.zeros((97, 131, 3), np.uint8),
        depth=Depth(values, (0.0, 65_535.0)),
        levels=Levels(LevelsMode.TYPE),
    )
    following = Following(how)
    for changed in (None, Region(0, 0, 5, 5)):
        found = following.prepare(image, changed)
        assert torch.equal(found.tensor, prepare(image, how).tensor)
