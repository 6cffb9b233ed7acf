"""Colour profiles: an image keeps its values; a notice names a profile other than sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.images import colour_profiles
from engine.images.reading import decode_image, load_image
from tests.engine.hostile.honest_pictures import chunk
from tests.engine.images.dicom_files import dataset, written
from tests.engine.images.heic_files import heic
from tests.engine.images.test_depth import encoded, raw_tiff

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def table(count: int = 1024) -> bytes:
    """sRGB's curve as the profiles of cameras and scanners hold it."""
    x = np.linspace(0, 1, count)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(f">I{count}H", count, *np.round(y * 65535).astype(int))


def parametric(kind: int, *numbers: float) -> bytes:
    fixed = (round(number * 65536) for number in numbers)
    return b"para\0\0\0\0" + struct.pack(f">HH{len(numbers)}i", kind, 0, *fixed)


def desc(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)


def mluc(name: str) -> bytes:
    text = name.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    start = 132 + 12 * len(tags)
    listed, data = b"", b""
    for name, content in tags.items():
        listed += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = bytes(16) + space + bytes(16) + b"acsp" + bytes(88)
    assert len(head) == 128
    return head + struct.pack(">I", len(tags)) + listed + data


def of_colours(primaries: tuple[tuple[float, ...], ...], curve: bytes, name: bytes = b"") -> bytes:
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile({b"desc": name or desc("made here"), **tags})


PARA = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

SILENT = {
    "none": None,
    "littlecms' own": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "a table": of_colours(SRGB, table()),
    "a short table": of_colours(SRGB, table(42), desc("c2")),
    "a formula": of_colours(SRGB, PARA, mluc("sRGB v4")),
    "grey with sRGB's curve": profile({b"desc": desc("sGrey"), b"kTRC": table()}, b"GRAY"),
    "tables of colours, named": profile({b"desc": mluc("sRGB v4 ICC preference")}),
    "no profile at all": b"nonsense",
    "empty": b"",
    "cut off": of_colours(ADOBE, gamma(2.2))[:200],
    "impossible numbers": of_colours(SRGB, parametric(1, 2.4, 0.0, 1.0)),
}


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_said_of_srgb_and_of_no_profile(case: str) -> None:
    assert colour_profiles.notice(SILENT[case]) == ""


TOLD = {
    "Adobe RGB (1998)": of_colours(ADOBE, gamma(2.19921875), desc("Adobe RGB (1998)")),
    "Display P3": of_colours(P3, PARA, mluc("Display P3")),
    "sRGB, but linear": of_colours(SRGB, gamma(1.0), desc("sRGB, but linear")),
    "Gamma 1.8": profile({b"desc": desc("Gamma 1.8"), b"kTRC": gamma(1.8)}, b"GRAY"),
    "US Web Coated": profile({b"desc": desc("US Web Coated")}, b"CMYK"),
    "Wide \\u202e": of_colours(P3, PARA, mluc("Wide \u202e")),
}


@pytest.mark.parametrize("name", TOLD)
def test_another_profile_is_named(name: str) -> None:
    told = colour_profiles.notice(TOLD[name])
    assert told.startswith(f"This file's colour profile '{name}' is not sRGB.")
    assert "torchvision and Pillow" in told


def test_a_profile_without_a_name() -> None:
    tags = of_colours(ADOBE, gamma(2.2)).replace(b"desc", b"cprt", 1)
    assert colour_profiles.notice(tags).startswith("This file's colour profile is not sRGB.")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_the_values_are_those_of_the_file(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
    path = tmp_path / f"p3.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(path, icc_profile=TOLD["Display P3"], **options)
    image = load_image(path)
    (told,) = image.notices
    assert "'Display P3'" in told
    with Image.open(path) as reference:
        np.testing.assert_array_equal(image.pixels, np.asarray(reference.convert("RGB")))
    Image.fromarray(pixels).save(path, icc_profile=SILENT["littlecms' own"], **options)
    assert load_image(path).notices == ()


DEEP = np.random.default_rng(2).integers(0, 65536, (16, 16, 3)).astype(np.uint16)


def deep_png(values: Any, icc: bytes) -> bytes:
    """OpenCV's PNG with an iCCP chunk after its header."""
    content = encoded(values, ".png")
    return content[:33] + chunk(b"iCCP", b"named\0\0" + zlib.compress(icc)) + content[33:]


def deep_tiff(values: Any, icc: bytes) -> bytes:
    tags = [(34675, 7, list(icc))]
    return raw_tiff(values, 1 if values.ndim == 2 else 2, tags)


def dicom(values: Any, icc: bytes) -> bytes:
    return written(dataset(values, ICCProfile=icc + b"\0" * (len(icc) % 2)))


BESIDES: dict[str, Callable[[bytes], tuple[bytes, Any]]] = {
    "colour.png": lambda icc: (deep_png(DEEP, icc), DEEP),
    "grey.png": lambda icc: (deep_png(DEEP[..., 0], icc), DEEP[..., 0]),
    "colour.tif": lambda icc: (deep_tiff(DEEP, icc), DEEP),
    "grey.tif": lambda icc: (deep_tiff(DEEP[..., 0], icc), DEEP[..., 0]),
    "eight.heic": lambda icc: (heic(DEEP[..., 0] >> 8, 8, 0, icc), None),
    "ten.heic": lambda icc: (heic(DEEP[..., 0] >> 6, 10, 0, icc), None),
    "colour.dcm": lambda icc: (dicom(DEEP, icc), DEEP),
}


@pytest.mark.parametrize("name", BESIDES)
def test_a_deep_image_tells_of_its_profile_and_keeps_its_values(name: str) -> None:
    content, values = BESIDES[name](TOLD["Display P3"])
    image = decode_image(content, name)
    (told,) = image.notices
    assert "'Display P3'" in told
    if values is not None:
        assert image.depth is not None
        np.testing.assert_array_equal(image.depth.values, values)
    usual, _ = BESIDES[name](of_colours(SRGB, PARA, mluc("sRGB v4")))
    assert decode_image(usual, name).notices == ()


def test_a_large_profile_of_a_deep_tiff() -> None:
    icc = TOLD["Display P3"] + bytes(200_000)
    (told,) = decode_image(deep_tiff(DEEP, icc), "large.tif").notices
    assert "'Display P3'" in told


def test_bytes_without_a_file() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(file, "PNG", icc_profile=TOLD["Adobe RGB (1998)"])
    image = decode_image(file.getvalue(), "pasted")
    assert "'Adobe RGB (1998)'" in image.notices[0]
    assert (image.pixels == (1, 2, 3)).all()
