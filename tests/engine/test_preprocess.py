"""Image to tensor as torchvision's presets do it, and where the crop lies on the original."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine import torchvision_models, vision
from engine.preprocess import prepare, region_of
from engine.records import LoadedImage, Preprocessing

SIZES = [(1, 40), (40, 1), (33, 31), (300, 200), (200, 301), (640, 90), (91, 517), (256, 256)]


def distinct_presets() -> dict[str, Any]:
    """One weights entry for every different preset among torchvision's classifiers."""
    found: dict[tuple[object, ...], tuple[str, Any]] = {}
    for name in torchvision_models.names():
        for entry in torchvision_models.entries(name):
            p = entry.transforms()
            key = (*p.resize_size, *p.crop_size, *p.mean, *p.std, p.interpolation, p.antialias)
            found.setdefault(key, (f"{name}-{entry.name}", entry))
    return dict(found.values())


PRESETS = distinct_presets()
RAMP = Preprocessing(100, (80, 80), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def noise(width: int, height: int) -> LoadedImage:
    rng = np.random.default_rng(width * 1000 + height)
    return LoadedImage("noise", rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_there_are_many_presets() -> None:
    assert len(PRESETS) > 15


@pytest.mark.parametrize("name", PRESETS)
def test_tensor_equals_the_presets_own(name: str) -> None:
    entry = PRESETS[name]
    how = torchvision_models.preprocessing_of(entry)
    preset = entry.transforms()
    for width, height in SIZES[2:6]:
        image = noise(width, height)
        tensor = prepare(image, how).tensor
        assert torch.equal(tensor, preset(Image.fromarray(image.pixels)).unsqueeze(0))
        assert tensor.dtype == torch.float32
        assert tuple(tensor.shape) == (1, 3, *how.crop)


@pytest.mark.parametrize("size", SIZES)
def test_odd_sizes(size: tuple[int, int]) -> None:
    entry = torchvision_models.entries("resnet18")[0]
    image = noise(*size)
    found = prepare(image, torchvision_models.preprocessing_of(entry)).tensor
    assert torch.equal(found[0], entry.transforms()(Image.fromarray(image.pixels)))


def ramp(width: int, height: int) -> LoadedImage:
    """Red tells x, green tells y, as 1 to 255 over the picture's centres; blue is always 255."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[..., 0] = np.round(1 + 254 * (np.arange(width) + 0.5) / width)
    pixels[..., 1] = np.round(1 + 254 * (np.arange(height) + 0.5) / height)[:, None]
    return LoadedImage("ramp", pixels)


@pytest.mark.parametrize("crop", [(80, 80), (60, 96), (100, 100), (140, 120), (99, 81)])
@pytest.mark.parametrize("size", [(300, 200), (200, 301), (640, 160), (170, 517), (50, 40)])
def test_region_is_where_the_crop_came_from(size: tuple[int, int], crop: tuple[int, int]) -> None:
    """Read off the tensor itself: what colour, hence what place, its cells have."""
    width, height = size
    how = Preprocessing(100, crop, RAMP.mean, RAMP.std)
    prepared = prepare(ramp(width, height), how)
    values = prepared.tensor[0].numpy() * 255
    inside = values[2] > 200  # padding is black, the ramp's blue is 255
    rows, columns = np.nonzero(inside)
    region = prepared.region
    for axis, positions, channel, start, extent, length, cells in (
        ("x", columns, 0, region.x, region.width, width, crop[1]),
        ("y", rows, 1, region.y, region.height, height, crop[0]),
    ):
        resized_pixel = extent / cells  # of the original, in pixels
        for cell in (positions.min(), positions.max(), (positions.min() + positions.max()) // 2):
            place = (cell + 0.5) * resized_pixel + start
            along = values[channel][:, cell] if axis == "x" else values[channel][cell, :]
            shown = along[(inside[:, cell] if axis == "x" else inside[cell, :])].mean()
            actual = (shown - 1) / 254 * length
            assert abs(place - actual) <= resized_pixel + length / 254, (axis, cell)
        # Padding, if any, lies outside the original; without it the region lies inside.
        before = positions.min() * resized_pixel + start
        after = (positions.max() + 1) * resized_pixel + start
        assert before == pytest.approx(max(0.0, start), abs=1e-6)
        assert after == pytest.approx(min(float(length), start + extent), abs=resized_pixel + 1e-6)


def test_the_whole_of_a_square_picture() -> None:
    region = region_of(512, 512, Preprocessing(128, (128, 128), (0.5,), (0.5,)))
    assert (region.x, region.y, region.width, region.height) == (0, 0, 512, 512)


def test_the_usual_crop_of_a_photograph() -> None:
    """Resize 256, crop 224: one resized pixel is three of 1024 x 768 (at 341 columns, nearly)."""
    region = region_of(1024, 768, Preprocessing(256, (224, 224), (0.5,), (0.5,)))
    assert region.width == pytest.approx(672, abs=3)
    assert region.height == pytest.approx(672)
    assert region.y == pytest.approx(48)
    assert region.x == pytest.approx(176, abs=3)


def test_vision_is_the_installed_torchvision() -> None:
    import torchvision

    assert vision.load() is torchvision
    assert len(torchvision_models.names()) == 80
