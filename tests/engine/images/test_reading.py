"""Opening pictures: every kind becomes 8-bit RGB the right way up; what is none says so."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from engine.errors import HookscopeError, ImageError
from engine.images.reading import decode_image, image_from_array, load_image, load_thumbnail
from engine.records.levels import Levels, LevelsMode

AS_TORCHVISION = Levels(LevelsMode.TORCHVISION)

# What EXIF orientation n makes of stored pixels, after the TIFF 6.0 specification: for 1 to 8
# row 0 of the stored picture is the visual top, top, bottom, bottom, left, right, right, left
# side, and column 0 the left, right, right, left, top, top, bottom, bottom side.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header is valid and whose data is a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_exif_orientation(
    tmp_path: Path, pixels: np.ndarray, orientation: int, suffix: str
) -> None:
    path = tmp_path / f"turned.{suffix}"
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif, quality=100, subsampling=0)
    with Image.open(path) as stored:
        # Pillow turns a TIFF while loading it; the other kinds come as they are stored.
        as_stored = np.asarray(stored.convert("RGB")) if suffix == "jpg" else pixels
    with Image.open(path) as stored:
        by_pillow = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    expected = UPRIGHT[orientation](as_stored)
    found = load_image(path)
    np.testing.assert_array_equal(found.pixels, expected)
    np.testing.assert_array_equal(found.pixels, by_pillow)
    assert (found.width, found.height) == expected.shape[1::-1]
    assert found.name == path.name
    assert found.path == path.absolute()


def alpha_palette(pixels: np.ndarray) -> Image.Image:
    picture = Image.fromarray(pixels).quantize(16)
    picture.info["transparency"] = bytes(range(0, 256, 16))
    return picture


MODES: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "grey.png": lambda p: Image.fromarray(p[..., 0]),
    "grey-alpha.png": lambda p: Image.merge("LA", [Image.fromarray(p[..., i]) for i in range(2)]),
    "palette.png": lambda p: Image.fromarray(p).quantize(16),
    "palette.gif": lambda p: Image.fromarray(p).quantize(16),
    "palette-alpha.png": alpha_palette,
    "rgba.png": lambda p: Image.merge("RGBA", [Image.fromarray(p[..., i % 3]) for i in range(4)]),
    "bits.png": lambda p: Image.fromarray(p[..., 0]).convert("1"),
    "cmyk.jpg": lambda p: Image.fromarray(p).convert("CMYK"),
    "cmyk.tif": lambda p: Image.fromarray(p).convert("CMYK"),
    "ycbcr.tif": lambda p: Image.fromarray(p).convert("YCbCr"),
    "lab.tif": lambda p: ImageCms.profileToProfile(
        Image.fromarray(p),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    ),
    "rgb.bmp": Image.fromarray,
    "rgb.webp": Image.fromarray,
    "rgb.ppm": Image.fromarray,
}


@pytest.mark.parametrize("name", MODES)
def test_kinds_of_pixels_are_what_convert_makes_of_them(
    tmp_path: Path, pixels: np.ndarray, name: str
) -> None:
    path = tmp_path / name
    MODES[name](pixels).save(path)
    with warnings.catch_warnings(), Image.open(path) as stored:
        warnings.simplefilter("ignore")
        mode, expected = stored.mode, np.asarray(stored.convert("RGB"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_image(path)
    assert found.mode == mode
    assert found.pixels.dtype == np.uint8
    np.testing.assert_array_equal(found.pixels, expected)
    np.testing.assert_array_equal(decode_image(path.read_bytes(), "pasted").pixels, expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_upper_byte(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 255, 256, 1000], [32768, 40000, 65280, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    found = load_image(tmp_path / f"deep.{suffix}", levels=AS_TORCHVISION).pixels
    np.testing.assert_array_equal(found[..., 0], [[0, 0, 1, 3], [128, 156, 255, 255]])
    assert (found == found[..., :1]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [[0, 127, 255]]),
        ([[-3.0, 100.4, 300.0]], [[0, 100, 255]]),
        ([[float("nan"), 1.0, 0.0]], [[0, 255, 0]]),
    ],
)
def test_float_tiff(tmp_path: Path, values: list[list[float]], expected: list[list[int]]) -> None:
    Image.fromarray(np.array(values, np.float32)).save(tmp_path / "float.tif")
    found = load_image(tmp_path / "float.tif", levels=AS_TORCHVISION).pixels
    np.testing.assert_array_equal(found[..., 0], expected)


def broken_files() -> dict[str, bytes]:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    files = {"empty.png": b"", "text.jpg": b"this is no picture\n" * 40}
    for suffix, kind in (("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF"), ("webp", "WEBP")):
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, kind)
        data = buffer.getvalue()
        files[f"half.{suffix}"] = data[: len(data) // 2]
        files[f"stump.{suffix}"] = data[:20]
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    damaged = bytearray(buffer.getvalue())
    damaged[60:70] = b"\xff" * 10
    files["damaged.png"] = bytes(damaged)
    files["no-pixels.png"] = png_claiming(0, 10)
    files["no-rows.png"] = png_claiming(10, 0)
    files["bomb.png"] = png_claiming(100_000, 100_000)
    files["large.png"] = png_claiming(20_000, 20_000)
    return files


BROKEN = broken_files()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    for load in (load_image, lambda p: load_thumbnail(p, 64)):
        with pytest.raises(HookscopeError) as caught:
            load(path)
        assert type(caught.value) is ImageError
        message = str(caught.value)
        assert str(path) in message
        assert "\n" not in message
        assert ";" in message, "names no way out"
    with pytest.raises(ImageError, match="clipboard"):
        decode_image(BROKEN[name], "clipboard")


@pytest.mark.parametrize("name", ["bomb.png", "large.png"])
def test_a_bomb_names_the_limit(name: str) -> None:
    with pytest.raises(ImageError, match=r"too large.*300 megapixels"):
        decode_image(BROKEN[name], name)


@pytest.mark.parametrize("load", [load_image, lambda p: load_thumbnail(p, 64)])
def test_missing_and_folder(tmp_path: Path, load: Callable[[Path], object]) -> None:
    with pytest.raises(ImageError, match=r"absent\.png: no such file; check the name"):
        load(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="this is a folder; name a file in it"):
        load(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        load(tmp_path / ("n" * 400 + ".png"))


def test_thumbnail_is_the_picture_made_small(tmp_path: Path) -> None:
    ramp = np.zeros((300, 900, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, 900).astype(np.uint8)
    ramp[..., 1] = np.linspace(0, 255, 300).astype(np.uint8)[:, None]
    for name in ("ramp.png", "ramp.jpg"):
        Image.fromarray(ramp).save(tmp_path / name, quality=95)
        small = load_thumbnail(tmp_path / name, 96)
        assert max(small.shape) == 96
        assert small.shape == (32, 96, 3)
        expected = np.asarray(Image.fromarray(ramp).resize((96, 32), Image.Resampling.BOX), int)
        assert np.abs(small.astype(int) - expected).max() <= 12
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp).save(tmp_path / "turned.jpg", exif=exif)
    assert load_thumbnail(tmp_path / "turned.jpg", 96).shape == (96, 32, 3)


def test_a_small_picture_is_its_own_thumbnail(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "tiny.png")
    np.testing.assert_array_equal(load_thumbnail(tmp_path / "tiny.png", 96), pixels)


def test_arrays(pixels: np.ndarray) -> None:
    found = image_from_array(pixels[:, ::-1], "made")
    np.testing.assert_array_equal(found.pixels, pixels[:, ::-1])
    assert found.pixels.flags.c_contiguous
    assert (found.width, found.height, found.path) == (7, 5, None)
    for wrong in (pixels[..., 0], pixels.astype(float), pixels[..., :2], pixels[:0]):
        with pytest.raises(ImageError, match="uint8"):
            image_from_array(wrong, "made")


def test_a_plain_picture_costs_neither_numpy_nor_a_decoder_of_others(tmp_path: Path) -> None:
    """A reader that decodes photographs stays small, and is ready at once."""
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "plain.png")
    code = (
        "import sys, os\n"
        "from engine.images import decoding\n"
        "with open(sys.argv[1], 'rb') as file, open(os.devnull, 'wb') as out:\n"
        "    decoding.decode(file, 'plain', out.fileno())\n"
        "print(*sorted({'numpy', 'cv2', 'pydicom', 'pi_heif', 'gdcm'} & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "plain.png")],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
