"""Image to tensor as torchvision's presets do it, and where the crop lies on the original."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import ImageError, ModelError
from engine.formats.torchvision import metadata
from engine.images.placing import LETTERBOX_GREY, region_of
from engine.images.preprocessing import as_seen, prepare
from engine.lazy import torchvision as vision
from engine.records.images import Channels, LoadedImage, Preprocessing

SIZES = [(1, 40), (40, 1), (33, 31), (300, 200), (200, 301), (640, 90), (91, 517), (256, 256)]


def distinct_presets() -> dict[str, Any]:
    """One weights entry for every different preset among torchvision's classifiers."""
    found: dict[tuple[object, ...], tuple[str, Any]] = {}
    for name in metadata.names():
        for entry in metadata.entries(name):
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
    how = metadata.preprocessing_of(entry)
    preset = entry.transforms()
    for width, height in SIZES[2:6]:
        image = noise(width, height)
        tensor = prepare(image, how).tensor
        assert torch.equal(tensor, preset(Image.fromarray(image.pixels)).unsqueeze(0))
        assert tensor.dtype == torch.float32
        assert tuple(tensor.shape) == (1, 3, *how.crop)


@pytest.mark.parametrize("size", SIZES)
def test_odd_sizes(size: tuple[int, int]) -> None:
    entry = metadata.entries("resnet18")[0]
    image = noise(*size)
    found = prepare(image, metadata.preprocessing_of(entry)).tensor
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
    assert len(metadata.names()) == 80


# ------------------------------------------------------------------ the other modes


def plain(resize: Any, crop: tuple[int, int], **more: Any) -> Preprocessing:
    """No normalisation: the tensor is the picture, 0 to 1."""
    count = 1 if more.get("channels") is Channels.GREY else 3
    return Preprocessing(resize, crop, (0.0,) * count, (1.0,) * count, **more)


def levels(image: LoadedImage, how: Preprocessing) -> np.ndarray[Any, Any]:
    """uint8 (h, w, channels) of what the network gets."""
    tensor = prepare(image, how).tensor[0].permute(1, 2, 0).numpy().astype(np.float64)
    return np.asarray(np.round(tensor * 255).astype(np.uint8))


RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("interpolation", RESAMPLING)
def test_exact_sizes_are_pillows(interpolation: str) -> None:
    image = noise(91, 57)
    how = plain((40, 70), (40, 70), interpolation=interpolation)
    expected = Image.fromarray(image.pixels).resize((70, 40), RESAMPLING[interpolation])
    assert np.array_equal(levels(image, how), np.asarray(expected))


@pytest.mark.parametrize("crop", [(64, 64), (48, 64), (80, 96)])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (10, 400), (33, 33)])
def test_letterbox(size: tuple[int, int], crop: tuple[int, int]) -> None:
    """By hand: the longer side fits 64, the rest of 64 x 64 is grey, the rest of the crop black."""
    width, height = size
    image = noise(width, height)
    scale = 64 / max(size)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    box = Image.new("RGB", (64, 64), (LETTERBOX_GREY,) * 3)
    small = Image.fromarray(image.pixels).resize(inner, Image.Resampling.BILINEAR)
    box.paste(small, ((64 - inner[0]) // 2, (64 - inner[1]) // 2))
    whole = Image.new("RGB", (crop[1], crop[0]), (0, 0, 0))
    whole.paste(box, ((crop[1] - 64) // 2, (crop[0] - 64) // 2))
    found = levels(image, plain((64, 64), crop, letterbox=True))
    assert np.array_equal(found, np.asarray(whole))


def test_no_resize_takes_the_centre_as_it_is() -> None:
    image = noise(61, 41)
    assert np.array_equal(levels(image, plain(None, (21, 31))), image.pixels[10:31, 15:46])
    padded = levels(image, plain(None, (61, 81)))
    assert np.array_equal(padded[10:51, 10:71], image.pixels)
    assert not padded[:10].any()
    assert not padded[:, 71:].any()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_without_antialias_it_is_torchs_interpolation(interpolation: str) -> None:
    image = noise(200, 120)
    how = plain((30, 45), (30, 45), interpolation=interpolation, antialias=False)
    whole = torch.from_numpy(image.pixels).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(whole, (30, 45), mode=interpolation)
    expected = expected.clamp(0, 255).round()[0].permute(1, 2, 0)
    assert np.array_equal(levels(image, how), expected.numpy().astype(np.uint8))
    smooth = levels(image, plain((30, 45), (30, 45), interpolation=interpolation))
    # Averaging noise makes it fainter; picking single pixels of it does not.
    assert levels(image, how).std() > 1.5 * smooth.std()


def test_bgr_is_rgb_with_its_channels_turned_round() -> None:
    image = noise(50, 40)
    rgb = prepare(image, Preprocessing(32, (32, 32), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))).tensor
    bgr = prepare(
        image,
        Preprocessing(32, (32, 32), (0.3, 0.2, 0.1), (0.6, 0.5, 0.4), channels=Channels.BGR),
    ).tensor
    assert torch.equal(rgb.flip(1), bgr)


def test_grey_is_the_luma_of_itu_r_601() -> None:
    image = noise(40, 30)
    found = levels(image, plain(None, (30, 40), channels=Channels.GREY))[..., 0]
    luma = image.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found - luma).max() <= 1
    tripled = prepare(
        image, Preprocessing(None, (30, 40), (0.0,) * 3, (1.0,) * 3, channels=Channels.GREY)
    ).tensor[0]
    assert tuple(tripled.shape) == (3, 30, 40)
    assert torch.equal(tripled[0], tripled[2])


@pytest.mark.parametrize("ends", [(0.0, 255.0), (-1.0, 1.0), (1.0, 0.0), (-128.0, 127.0)])
def test_ranges(ends: tuple[float, float]) -> None:
    image = noise(20, 20)
    found = prepare(image, plain(None, (20, 20), range=ends)).tensor[0]
    expected = ends[0] + image.pixels.transpose(2, 0, 1) / 255 * (ends[1] - ends[0])
    assert np.allclose(found.numpy(), expected, atol=2e-5)
    if ends == (0.0, 255.0):
        assert np.array_equal(found.numpy(), image.pixels.transpose(2, 0, 1))


MODES = [
    plain(60, (50, 50)),
    plain((40, 80), (40, 60)),
    plain((64, 64), (64, 64), letterbox=True),
    plain((64, 80), (48, 96), letterbox=True),
    plain(None, (90, 120)),
    plain(None, (300, 300)),
    plain((70, 50), (90, 90), interpolation="bicubic", antialias=False),
]


@pytest.mark.parametrize("how", MODES, ids=str)
@pytest.mark.parametrize("size", [(300, 200), (150, 210), (64, 64), (400, 90)])
def test_a_mark_lands_in_the_cell_that_the_region_says(
    size: tuple[int, int], how: Preprocessing
) -> None:
    """White squares on black at known places; the centre of what arrives is read off the tensor."""
    width, height = size
    region = region_of(width, height, how)
    rows, columns = how.crop
    seen = 0
    for across, down in ((0.5, 0.5), (0.3, 0.4), (0.62, 0.55), (0.2, 0.7)):
        x, y = int(across * width), int(down * height)
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[y - 8 : y + 8, x - 8 : x + 8] = 255
        shown = prepare(LoadedImage("mark", pixels), how).tensor[0, 0].numpy().copy()
        shown[np.abs(shown - LETTERBOX_GREY / 255) < 1e-3] = 0
        column = (x - region.x) / region.width * columns
        row = (y - region.y) / region.height * rows
        margin = max(8 / region.width * columns, 8 / region.height * rows) + 2
        if not (margin < column < columns - margin and margin < row < rows - margin):
            continue  # the mark is cut off by the crop
        seen += 1
        total = shown.sum()
        assert total > 0
        centre_x = (shown.sum(0) * (np.arange(columns) + 0.5)).sum() / total
        centre_y = (shown.sum(1) * (np.arange(rows) + 0.5)).sum() / total
        assert centre_x == pytest.approx(column, abs=0.35)
        assert centre_y == pytest.approx(row, abs=0.35)
    assert seen


# ------------------------------------------------------------------ what the network saw


SEEN = [
    Preprocessing(60, (48, 48), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Preprocessing((48, 48), (48, 48), (0.5,) * 3, (0.5,) * 3, channels=Channels.BGR),
    Preprocessing(None, (40, 60), (0.0,) * 3, (1.0,) * 3, range=(0.0, 255.0)),
    Preprocessing(
        None, (40, 60), (104.0, 117.0, 123.0), (1.0,) * 3, range=(0, 255), channels=Channels.BGR
    ),
    Preprocessing((64, 64), (64, 64), (0.1,) * 3, (0.2,) * 3, letterbox=True, range=(-1, 1)),
    Preprocessing(28, (28, 28), (0.1307,), (0.3081,), channels=Channels.GREY),
    Preprocessing(28, (28, 28), (0.5,) * 4, (0.5,) * 4, channels=Channels.GREY),
]


@pytest.mark.parametrize("how", SEEN, ids=str)
def test_the_picture_that_the_network_saw(how: Preprocessing) -> None:
    """It is what comes of the same steps without normalisation, to the last level."""
    image = noise(90, 70)
    seen = as_seen(prepare(image, how).tensor, how)
    grey = how.channels is Channels.GREY
    bare = plain(
        how.resize,
        how.crop,
        letterbox=how.letterbox,
        channels=Channels.GREY if grey else Channels.RGB,
    )
    expected = levels(image, bare)
    assert seen.dtype == np.uint8
    assert seen.shape == (*how.crop, 3)
    assert np.array_equal(seen, np.repeat(expected, 3, axis=2) if grey else expected)


def test_values_that_nothing_can_be_prepared_with() -> None:
    with pytest.raises(ModelError, match="greater than 0"):
        prepare(noise(9, 9), Preprocessing(8, (8, 8), (0.0,) * 3, (0.0,) * 3))


def test_too_long_and_thin() -> None:
    thin = LoadedImage("thin", np.zeros((1, 400_000, 3), np.uint8))
    with pytest.raises(ImageError, match="too extreme an aspect ratio"):
        prepare(thin, plain(100, (100, 100)))
    assert prepare(thin, plain((8, 8), (8, 8), letterbox=True)).tensor.shape == (1, 3, 8, 8)
