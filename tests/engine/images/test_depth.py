"""Files of more than 8 bits: every value arrives, and the tensor is that of the values."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import ImageError
from engine.images.placing import LETTERBOX_GREY
from engine.images.preprocessing import as_seen, numbers_of, prepare
from engine.images.reading import decode_image, load_image, load_thumbnail
from engine.lazy import torchvision as vision
from engine.lazy.opencv import cv2
from engine.records.images import Channels, LoadedImage, Preprocessing
from engine.records.level_words import window
from engine.records.levels import AUTO, Levels, LevelsMode
from tests.engine.hostile.honest_pictures import chunk, tiff
from tests.engine.images.test_reading import UPRIGHT

RNG = np.random.default_rng(11)
TWELVE = RNG.integers(40, 4000, (47, 61)).astype(np.uint16)
COLOUR = RNG.integers(0, 65536, (47, 61, 3)).astype(np.uint16)
SMOOTH = np.dstack(
    [np.linspace(0, 65535, 61 * 47).reshape(47, 61) * part for part in (1.0, 0.5, 0.2)]
).astype(np.uint16)
PLAIN = Preprocessing(None, (47, 61), (0.0,) * 3, (1.0,) * 3)


def saved(array: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def encoded(array: Any, suffix: str) -> bytes:
    """By OpenCV, whose colours are BGR."""
    done, content = cv2.imencode(suffix, array[..., ::-1] if array.ndim == 3 else array)
    assert done
    return bytes(content)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def raw_tiff(array: Any, photometric: int, more: list[tuple[int, int, list[int]]]) -> bytes:
    """An uncompressed TIFF; more: further tags."""
    height, width = array.shape[:2]
    samples = array.shape[2] if array.ndim == 3 else 1
    bits = 8 * array.dtype.itemsize
    data = array.astype(array.dtype.newbyteorder(">")).tobytes()
    kind = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    tags = [
        *((256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [1])),
        *((262, 3, [photometric]), (273, 4, [8]), (277, 3, [samples]), (278, 4, [height])),
        *((279, 4, [len(data)]), (339, 3, [kind] * samples), *more),
    ]
    return tiff(sorted(tags), data)


def packed_twelve(array: Any) -> bytes:
    """A TIFF whose samples have 12 bits, two in three bytes."""
    rows = []
    for row in array:
        bits = "".join(format(int(value), "012b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))
    data = b"".join(rows)
    tags = [
        *((256, 4, [array.shape[1]]), (257, 4, [array.shape[0]]), (258, 3, [12]), (259, 3, [1])),
        *((262, 3, [1]), (273, 4, [8]), (277, 3, [1]), (278, 4, [array.shape[0]])),
        (279, 4, [len(data)]),
    ]
    return tiff(tags, data)


def pgm(array: Any, most: int) -> bytes:
    kind = b"P6" if array.ndim == 3 else b"P5"
    head = b"%s\n# a comment\n%d %d\n%d\n" % (kind, array.shape[1], array.shape[0], most)
    return head + array.astype(">u2").tobytes()


INTS = RNG.integers(-70000, 2_000_000, (47, 61)).astype(np.int32)
FLOATS = RNG.normal(0, 1000, (47, 61)).astype(np.float32)

HALVES = FLOATS.astype(np.float16).astype(np.float32)
HALF_COLOUR = (COLOUR / 65535).astype(np.float16).astype(np.float32)

FILES: dict[str, tuple[bytes, Any]] = {
    "twelve.png": (saved(TWELVE, "PNG"), TWELVE),
    "colour.png": (encoded(COLOUR, ".png"), COLOUR),
    "twelve.tif": (saved(TWELVE, "TIFF"), TWELVE),
    "lzw.tif": (saved(TWELVE, "TIFF", compression="tiff_lzw"), TWELVE),
    "deflate.tif": (saved(TWELVE, "TIFF", compression="tiff_adobe_deflate"), TWELVE),
    "big.tif": (saved(TWELVE, "TIFF", big_tiff=True), TWELVE),
    "packed.tif": (packed_twelve(TWELVE), TWELVE),
    "colour.tif": (encoded(COLOUR, ".tif"), COLOUR),
    "int32.tif": (saved(INTS, "TIFF"), INTS),
    "uint32.tif": (raw_tiff(INTS.astype(np.uint32), 1, []), INTS.astype(np.uint32)),
    "int16.tif": (raw_tiff((INTS // 64).astype(np.int16), 1, []), (INTS // 64).astype(np.int16)),
    "float.tif": (saved(FLOATS, "TIFF"), FLOATS),
    "float-lzw.tif": (saved(FLOATS, "TIFF", compression="tiff_lzw"), FLOATS),
    "double.tif": (raw_tiff(FLOATS.astype(np.float64), 1, []), FLOATS),
    "half.tif": (raw_tiff(FLOATS.astype(np.float16), 1, []), HALVES),
    "half-colour.tif": (raw_tiff((COLOUR / 65535).astype(np.float16), 2, []), HALF_COLOUR),
    "half-lzw.tif": (
        saved(
            FLOATS.astype(np.float16).view(np.uint16),
            "TIFF",
            compression="tiff_lzw",
            tiffinfo={339: 3},
        ),
        HALVES,
    ),
    "float-colour.tif": (
        encoded((COLOUR / 65535).astype(np.float32), ".tif"),
        (COLOUR / 65535).astype(np.float32),
    ),
    "twelve.pgm": (pgm(TWELVE, 4095), TWELVE),
    "colour.ppm": (pgm(COLOUR, 65535), COLOUR),
    "colour.jp2": (encoded(SMOOTH, ".jp2"), None),
    "twelve.npy": (npy(TWELVE), TWELVE),
    "columns.npy": (npy(np.asfortranarray(COLOUR)), COLOUR),
    "first.npy": (npy(np.moveaxis(COLOUR, -1, 0)), COLOUR),
    "one.npy": (npy(FLOATS[..., None]), FLOATS),
    "doubles.npy": (npy(FLOATS.astype(np.float64)), FLOATS),
    "halves.npy": (npy(FLOATS.astype(np.float16)), FLOATS.astype(np.float16).astype(np.float32)),
    "longs.npy": (npy(INTS.astype(np.int64)), INTS),
    "big-endian.npy": (npy(TWELVE.astype(">u2")), TWELVE),
}


@pytest.mark.parametrize("name", FILES)
def test_every_value_arrives(tmp_path: Path, name: str) -> None:
    content, values = FILES[name]
    (tmp_path / name).write_bytes(content)
    for found in (load_image(tmp_path / name), decode_image(content, name)):
        assert found.depth is not None
        got = found.depth.values
        assert got.dtype.itemsize > 1
        assert (found.height, found.width) == got.shape[:2]
        if values is not None:
            assert got.dtype == values.dtype
            np.testing.assert_array_equal(got, values)
        else:  # compressed with losses
            assert np.abs(got.astype(int) - SMOOTH).mean() < 300
        assert found.shown is not None
        assert found.shown.assumed
        low, high = float(got.min()), float(got.max())
        assert (found.shown.low, found.shown.high) == (low, high)
        wanted = (got.astype(np.float64) - low) / (high - low)
        shown = found.pixels if got.ndim == 3 else found.pixels[..., 0]
        assert np.abs(shown - 255 * wanted).max() < 0.51
        tensor = prepare(found, PLAIN).tensor[0].numpy()
        assert tensor.dtype == np.float32
        whole = wanted if got.ndim == 3 else np.repeat(wanted[..., None], 3, axis=2)
        np.testing.assert_allclose(tensor, whole.transpose(2, 0, 1), atol=1e-6)
    small = load_thumbnail(tmp_path / name, 32)
    assert small.shape == (25, 32, 3)
    assert small.std() > 5


def test_what_is_taken_for_channels_is_said() -> None:
    found = decode_image(npy(np.moveaxis(COLOUR, -1, 0)), "first")
    assert found.notices == ("Read as 3 channels x 47 x 61, not as pages.",)
    assert not decode_image(npy(COLOUR), "last").notices


def test_more_than_256_levels_reach_the_network() -> None:
    ramp = np.arange(3000, dtype=np.uint16).reshape(50, 60)
    found = decode_image(saved(ramp, "PNG"), "ramp")
    tensor = prepare(found, Preprocessing(None, (50, 60), (0.0,), (1.0,), channels=Channels.GREY))
    assert len(torch.unique(tensor.tensor)) == 3000


def test_infinity_does_not_blacken_the_image() -> None:
    values = FLOATS.copy()
    values[3, 4], values[5, 6], values[7, 8] = np.inf, -np.inf, np.nan
    found = decode_image(saved(values, "TIFF"), "odd")
    assert found.pixels.std() > 30
    assert found.depth is not None
    assert found.depth.not_finite == 3
    assert any("3 values" in notice for notice in found.notices)
    tensor = prepare(found, Preprocessing(20, (20, 20), (0.5,) * 3, (0.5,) * 3)).tensor
    assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_without_a_finite_value_it_is_one_line(value: float) -> None:
    values = np.full((20, 30), value, np.float32)
    for content, name in ((saved(values, "TIFF"), "odd.tif"), (npy(values), "odd.npy")):
        with pytest.raises(ImageError) as caught:
            decode_image(content, name)
        assert str(caught.value) == (
            f"{name}: all values of the image are NaN or infinite; save it with finite ones"
        )


def test_an_unknown_kind_of_tiff_is_named() -> None:
    """Floats of 24 bits, which neither Pillow nor OpenCV reads."""
    content = raw_tiff(FLOATS, 1, [])
    packed = [struct.pack(">HHI", 258, 3, 1) + bits for bits in (b"\0\x20", b"\0\x18")]
    with pytest.raises(ImageError) as caught:
        decode_image(content.replace(*packed), "odd.tif")
    assert str(caught.value) == (
        "odd.tif: a TIFF of 24-bit floats in a form that cannot be read; save it uncompressed, as "
        "integers of 16 bits or floats of 32 bits"
    )


def test_white_is_zero() -> None:
    black = decode_image(raw_tiff(TWELVE, 1, []), "black is zero")
    white = decode_image(raw_tiff(TWELVE, 0, []), "white is zero")
    np.testing.assert_array_equal(white.pixels, 255 - black.pixels)
    assert white.depth is not None
    np.testing.assert_array_equal(white.depth.values, TWELVE)


@pytest.mark.parametrize(
    ("tags", "ends"),
    [
        ([(280, 3, [100]), (281, 3, [3000])], (100, 3000)),
        ([(340, 3, [7]), (341, 3, [900])], (7, 900)),
        ([(280, 3, [9]), (281, 3, [9])], None),
    ],
)
def test_the_range_that_tags_state(tags: list[Any], ends: tuple[int, int] | None) -> None:
    found = decode_image(raw_tiff(TWELVE, 1, tags), "tags")
    assert found.shown is not None
    if ends is None:
        assert found.shown.mode is LevelsMode.EXTREMES
    else:
        assert (found.shown.low, found.shown.high, found.shown.assumed) == (*ends, False)
    types = decode_image(raw_tiff(TWELVE, 1, tags), "tags", levels=Levels(LevelsMode.TYPE))
    assert types.shown is not None
    assert (types.shown.low, types.shown.high) == (0, 65535)


def test_the_display_range_of_imagej(tmp_path: Path) -> None:
    text = "ImageJ=1.53t\nimages=1\nmin=250.0\nmax=1800.5\n"
    Image.fromarray(TWELVE).save(tmp_path / "j.tif", description=text)
    shown = load_image(tmp_path / "j.tif").shown
    assert shown is not None
    assert (shown.mode, shown.low, shown.high) == (LevelsMode.FILE, 250.0, 1800.5)


def exif_png(array: Any, orientation: int) -> bytes:
    """A 16-bit colour PNG with an eXIf chunk before its data."""
    content = encoded(array, ".png")
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HH", orientation, 0)
    return content[:33] + chunk(b"eXIf", exif + b"\0\0\0\0") + content[33:]


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_deep_images_are_upright(orientation: int) -> None:
    for content, values in (
        (raw_tiff(TWELVE, 1, [(274, 3, [orientation])]), TWELVE),
        (raw_tiff(COLOUR, 2, [(274, 3, [orientation])]), COLOUR),
        (exif_png(COLOUR, orientation), COLOUR),
    ):
        found = decode_image(content, "turned")
        assert found.depth is not None
        np.testing.assert_array_equal(found.depth.values, UPRIGHT[orientation](values))


# ------------------------------------------------------------------ to the tensor


def deep(values: Any) -> LoadedImage:
    return decode_image(npy(values), "deep")


RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@pytest.mark.parametrize("interpolation", RESAMPLING)
@pytest.mark.parametrize("antialias", [True, False])
def test_resizing_is_that_of_floats(interpolation: str, antialias: bool) -> None:
    how = Preprocessing(
        (20, 30), (20, 30), (0.2, 0.4, 0.6), (0.5, 0.7, 0.9),
        interpolation=interpolation, antialias=antialias,
    )  # fmt: skip
    unit = ((COLOUR - COLOUR.min()) / float(COLOUR.max() - COLOUR.min())).astype(np.float32)
    planes = []
    for channel in range(3):
        plane = np.ascontiguousarray(unit[..., channel])
        if antialias:
            small = np.array(Image.fromarray(plane).resize((30, 20), RESAMPLING[interpolation]))
        else:
            whole = torch.from_numpy(plane)[None, None]
            small = torch.nn.functional.interpolate(whole, (20, 30), mode=interpolation).numpy()[
                0, 0
            ]
        planes.append((small.clip(0, 1) - how.mean[channel]) / how.std[channel])
    found = prepare(deep(COLOUR), how).tensor[0].numpy()
    np.testing.assert_allclose(found, np.stack(planes), atol=2e-6)


def test_letterbox_and_padding_of_floats() -> None:
    how = Preprocessing((40, 40), (60, 60), (0.0,) * 3, (1.0,) * 3, letterbox=True)
    tensor = prepare(deep(TWELVE), how).tensor[0, 0].numpy()
    assert not tensor[:10].any()
    bars = tensor[10:14, 10:50]
    np.testing.assert_allclose(bars, LETTERBOX_GREY / 255, atol=1e-6)
    assert tensor[15:45, 10:50].std() > 0.05


def test_grey_bgr_and_range_of_floats() -> None:
    unit = (COLOUR.astype(np.float64) - COLOUR.min()) / (COLOUR.max() - COLOUR.min())
    how = Preprocessing(None, (47, 61), (1.0,), (2.0,), channels=Channels.GREY, range=(-1.0, 3.0))
    grey = prepare(deep(COLOUR), how).tensor[0, 0].numpy()
    luma = unit @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey, (luma * 4 - 1 - 1) / 2, atol=2e-6)
    bgr = Preprocessing(None, (47, 61), (0.0,) * 3, (1.0,) * 3, channels=Channels.BGR)
    found = prepare(deep(COLOUR), bgr).tensor[0].numpy()
    np.testing.assert_allclose(found, unit[..., ::-1].transpose(2, 0, 1), atol=2e-6)
    seen = as_seen(prepare(deep(COLOUR), bgr).tensor, bgr)
    assert np.abs(seen - unit * 255).max() <= 0.51


def test_the_numbers_of_each_channel() -> None:
    tensor = prepare(deep(COLOUR), PLAIN).tensor
    for numbers, plane in zip(numbers_of(tensor), tensor[0].numpy(), strict=True):
        assert numbers.low == plane.min()
        assert numbers.high == plane.max()
        assert numbers.mean == pytest.approx(plane.astype(np.float64).mean())


def test_levels_of_the_preprocessing_and_of_the_image() -> None:
    image = deep(TWELVE)
    how = Preprocessing(None, (47, 61), (0.0,) * 3, (1.0,) * 3, levels=window(1000, 500))
    wanted = ((TWELVE.astype(float) - 750) / 500).clip(0, 1)
    np.testing.assert_allclose(prepare(image, how).tensor[0, 1].numpy(), wanted, atol=1e-6)
    by_hand = decode_image(npy(TWELVE), "by hand", levels=window(2000, 4000))
    np.testing.assert_allclose(
        prepare(by_hand, how).tensor[0, 1].numpy(), TWELVE / 4000.0, atol=1e-6
    )


def test_as_torchvision_reads_16_bits() -> None:
    """Its own conversion of uint16 to uint8, and its own preset on that."""
    vision.load()
    from torchvision.transforms.v2 import functional

    eight = functional.to_dtype(torch.from_numpy(TWELVE)[None], torch.uint8, scale=True)[0].numpy()
    image = decode_image(saved(TWELVE, "PNG"), "deep", levels=Levels(LevelsMode.TORCHVISION))
    np.testing.assert_array_equal(image.pixels[..., 0], eight)
    how = Preprocessing(30, (28, 28), (0.4,) * 3, (0.2,) * 3)
    bare = LoadedImage("eight", np.repeat(eight[..., None], 3, axis=2))
    assert torch.equal(prepare(image, how).tensor, prepare(bare, how).tensor)


def test_eight_bit_images_are_bit_for_bit_what_they_were() -> None:
    pixels = RNG.integers(0, 256, (47, 61, 3), dtype=np.uint8)
    how = Preprocessing(32, (28, 28), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    presets = vision.load().transforms._presets
    steps = presets.ImageClassification(crop_size=28, resize_size=32)
    kinds = {"png": "PNG", "tif": "TIFF", "bmp": "BMP"}
    for suffix in (*kinds, "npy"):
        content = npy(pixels) if suffix == "npy" else saved(pixels, kinds[suffix])
        found = decode_image(content, f"photo.{suffix}")
        np.testing.assert_array_equal(found.pixels, pixels)
        assert found.depth is None
        for asked in (AUTO, Levels(LevelsMode.TORCHVISION), Levels(LevelsMode.TYPE)):
            again = decode_image(content, f"photo.{suffix}", levels=asked)
            np.testing.assert_array_equal(again.pixels, pixels)
            assert torch.equal(prepare(again, how).tensor[0], steps(Image.fromarray(pixels)))


# ------------------------------------------------------------------ pages


def stack(kind: str, pages: list[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    first, *rest = map(Image.fromarray, pages)
    first.save(buffer, kind, save_all=True, append_images=rest, **options)
    return buffer.getvalue()


FLAT = [np.full((20, 30, 3), 60 * (page + 1), np.uint8) for page in range(3)]

PAGED = {
    "deep.tif": (stack("TIFF", [TWELVE, TWELVE + 1, TWELVE + 2]), 3),
    "flat.tif": (stack("TIFF", FLAT), 3),
    "deep.npy": (npy(np.stack([TWELVE + page for page in range(5)])), 5),
    "colours.npy": (npy(np.stack([COLOUR, COLOUR // 2])), 2),
    "columns.npy": (npy(np.asfortranarray(np.stack([TWELVE, TWELVE + 1]))), 2),
    "flat.gif": (stack("GIF", FLAT), 3),
    "flat.png": (stack("PNG", FLAT), 3),
    "flat.webp": (stack("WEBP", FLAT, lossless=True), 3),
}


@pytest.mark.parametrize("name", PAGED)
def test_pages(tmp_path: Path, name: str) -> None:
    content, count = PAGED[name]
    (tmp_path / name).write_bytes(content)
    seen = []
    for page in range(1, count + 1):
        found = load_image(tmp_path / name, page=page)
        assert (found.page, found.pages) == (page, count)
        values = found.pixels if found.depth is None else found.depth.values
        seen.append(values.astype(int))
        if name.startswith("flat"):
            assert np.abs(values.astype(int) - FLAT[page - 1]).max() <= 2
        elif name.startswith("deep") or name == "columns.npy":
            np.testing.assert_array_equal(values, TWELVE + page - 1)
    assert not np.array_equal(seen[0], seen[1])
    for wrong in (0, count + 1):
        with pytest.raises(ImageError, match=f"has {count} pages; choose --page 1 to {count}"):
            load_image(tmp_path / name, page=wrong)
    assert load_thumbnail(tmp_path / name, 16).shape[1] == 16


def test_one_page_only(tmp_path: Path) -> None:
    Image.fromarray(TWELVE).save(tmp_path / "one.png")
    with pytest.raises(ImageError, match="only one page"):
        load_image(tmp_path / "one.png", page=2)
    assert load_image(tmp_path / "one.png").pages == 1


# ------------------------------------------------------------------ what is refused


def test_arrays_that_are_no_images(tmp_path: Path) -> None:
    pickled = io.BytesIO()
    np.save(pickled, np.array([[1, "a"]], object), allow_pickle=True)
    wrong = {
        "objects.npy": pickled.getvalue(),
        "complex.npy": npy(np.zeros((4, 4), complex)),
        "records.npy": npy(np.zeros((4, 4), [("a", "i4")])),
        "text.npy": npy(np.full((4, 4), "ab")),
        "line.npy": npy(np.zeros(9)),
        "empty.npy": npy(np.zeros((0, 4))),
        "many.npy": npy(np.zeros((4, 5, 7, 9))),
        "half.npy": npy(TWELVE)[:400],
        "head.npy": npy(TWELVE)[:20],
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value)


def test_claims_beyond_the_limits_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    head = npy(np.zeros((1, 1), np.float32)).replace(b"(1, 1)", b"(20000, 20000)")
    (tmp_path / "large.npy").write_bytes(head[:100])
    with pytest.raises(ImageError):
        load_image(tmp_path / "large.npy")
    honest = raw_tiff(TWELVE, 1, [])
    for name, width in (("bomb.tif", 60_000), ("wide.tif", 30_000_000)):
        damaged = honest
        for tag, before, after in ((256, 61, width), (257, 47, 9000)):
            entries = (struct.pack(">HHII", tag, 4, 1, side) for side in (before, after))
            damaged = damaged.replace(*entries)
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ImageError, match="too large"):
            load_image(tmp_path / name)


def test_a_tiff_whose_pages_follow_each_other_in_a_circle(tmp_path: Path) -> None:
    content = bytearray(raw_tiff(TWELVE, 1, []))
    start = struct.unpack(">I", content[4:8])[0]
    count = struct.unpack(">H", content[start : start + 2])[0]
    content[start + 2 + 12 * count : start + 6 + 12 * count] = struct.pack(">I", start)
    (tmp_path / "circle.tif").write_bytes(bytes(content))
    assert load_image(tmp_path / "circle.tif").pages == 1
