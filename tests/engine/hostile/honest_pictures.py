"""Small honest pictures of every format that is read, for the fuzzer to damage."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from engine.lazy.opencv import cv2
from tests.engine.images.dicom_files import dataset, written
from tests.engine.images.heic_files import heic

WIDTH, HEIGHT = 61, 47


def _photo(seed: int = 0) -> Image.Image:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [np.sin(rows / (5 + k + seed)) * np.cos(columns / (7 + 2 * k)) for k in range(3)]
    noise = np.random.default_rng(seed).normal(0, 9, (HEIGHT, WIDTH, 3))
    pixels = (110 * np.stack(waves, axis=-1) + 127 + noise).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # Pillow leaves the settings of one format on an image, and stumbles over them in the next.
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()


def _both(image: Image.Image, kind: str) -> bytes:
    """Two pictures in one file."""
    return _saved(image, kind, save_all=True, append_images=[_photo(3)])


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a picture"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _interlaced() -> bytes:
    """Adam7, which Pillow reads and does not write."""
    pixels = np.asarray(_photo())
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    rows = b""
    for top, left, down, across in (*passes, (1, 0, 2, 1)):
        for row in pixels[top::down, left::across]:
            rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def tiff(tags: list[tuple[int, int, list[int]]], data: bytes, order: str = ">") -> bytes:
    """A TIFF file with the data behind its header. tags: (tag, type, values), in order."""
    size = {1: "B", 3: "H", 4: "I", 7: "B"}
    start = 8 + len(data) + len(data) % 2
    extra = start + 2 + 12 * len(tags) + 4
    entries, beside = b"", b""
    for tag, kind, values in tags:
        packed = struct.pack(f"{order}{len(values)}{size[kind]}", *values)
        if len(packed) > 4:
            packed, place = struct.pack(f"{order}I", extra + len(beside)), packed
            beside += place
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HI", 42, start)
    directory = struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)
    return head + data.ljust(start - 8, b"\0") + directory + beside


def _tiled() -> bytes:
    pixels = np.pad(np.asarray(_photo()), ((0, 1), (0, 3), (0, 0)), mode="edge")
    tiles = [
        pixels[top : top + 16, left : left + 16].tobytes()
        for top in range(0, 48, 16)
        for left in range(0, 64, 16)
    ]
    tags = [
        *((256, 4, [WIDTH]), (257, 4, [HEIGHT]), (258, 3, [8, 8, 8]), (259, 3, [1])),
        *((262, 3, [2]), (274, 3, [1]), (277, 3, [3]), (322, 3, [16]), (323, 3, [16])),
        (324, 4, [8 + 768 * n for n in range(12)]),
        (325, 4, [768] * 12),
    ]
    return tiff(tags, b"".join(tiles))


def _encoded(array: Any, suffix: str) -> bytes:
    done, content = cv2.imencode(suffix, array)
    assert done
    return bytes(content)


def _text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a picture")
    info.add_text("Comment", "packed " * 40, zip=True)
    info.add_itxt("Author", "näme", "de", "Autor", zip=True)
    return info


_KINDS = {"rle": RLELossless, "jpeg 2000": JPEG2000Lossless, "jpeg ls": JPEGLSLossless}


def _compressed(deep: Any, kind: Any) -> bytes:
    data = dataset(np.tile(deep, (2, 2)))
    data.compress(kind)
    return written(data)


def _array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _deep() -> Any:
    ramp = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    return ramp.astype(np.uint16)


def pictures() -> dict[str, tuple[str, bytes]]:
    """(suffix, content) by a name that begins with the format."""
    rgb, deep = _photo(), _deep()
    grey, palette = rgb.convert("L"), rgb.quantize(32)
    rgba = rgb.copy()
    rgba.putalpha(grey)
    floats = Image.fromarray((deep / 65535).astype(np.float32))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = {
        "png": _saved(rgb, "PNG"),
        "png grey": _saved(grey, "PNG"),
        "png 1 bit": _saved(grey.convert("1"), "PNG"),
        "png palette": _saved(palette, "PNG", transparency=3),
        "png alpha": _saved(rgba, "PNG"),
        "png 16 bit": _encoded(deep, ".png"),
        "png 16 bit colour": _encoded(np.dstack([deep] * 3), ".png"),
        "png interlaced": _interlaced(),
        "png metadata": _saved(rgb, "PNG", pnginfo=_text(), icc_profile=icc, exif=_exif(6)),
        "png animated": _both(rgb, "PNG"),
        "jpg": _saved(rgb, "JPEG"),
        "jpg progressive": _saved(rgb, "JPEG", progressive=True),
        "jpg CMYK": _saved(rgb.convert("CMYK"), "JPEG"),
        "jpg grey": _saved(grey, "JPEG", restart_marker_blocks=2),
        "jpg metadata": _saved(rgb, "JPEG", exif=_exif(5), icc_profile=icc, comment=b"hello"),
        "mpo": _both(rgb, "MPO"),
        "tif": _saved(rgb, "TIFF"),
        "tif lzw": _saved(rgb, "TIFF", compression="tiff_lzw"),
        "tif deflate": _saved(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tif packbits": _saved(palette, "TIFF", compression="packbits"),
        "tif jpeg": _saved(rgb, "TIFF", compression="jpeg"),
        "tif group 4": _saved(grey.convert("1"), "TIFF", compression="group4"),
        "tif 16 bit": _saved(Image.fromarray(deep), "TIFF"),
        "tif int32": _saved(Image.fromarray(deep.astype(np.int32)), "TIFF"),
        "tif float": _saved(floats, "TIFF", compression="tiff_lzw"),
        "tif CMYK": _saved(rgb.convert("CMYK"), "TIFF", exif=_exif(8)),
        "tif tiled": _tiled(),
        "tif pages": _both(rgb, "TIFF"),
        "tif big": _saved(rgb, "TIFF", big_tiff=True),
        "webp": _saved(rgb, "WEBP"),
        "webp lossless": _saved(rgba, "WEBP", lossless=True, exif=_exif(3), icc_profile=icc),
        "webp animated": _both(rgb, "WEBP"),
        "bmp": _saved(rgb, "BMP"),
        "bmp palette": _saved(palette, "BMP"),
        "bmp 1 bit": _saved(grey.convert("1"), "BMP"),
        "gif": _saved(palette, "GIF", transparency=2),
        "gif animated": _both(rgb, "GIF"),
        "ppm": _saved(rgb, "PPM"),
        "ppm text": b"P3 3 2 255\n" + b" ".join(b"%d" % n for n in range(18)),
        "ppm float": _saved(floats, "PPM"),
        "jp2": _saved(rgb, "JPEG2000"),
        "jp2 tiles": _saved(rgba, "JPEG2000", tile_size=(32, 32), irreversible=True),
        "j2k": _saved(grey, "JPEG2000", no_jp2=True),
        "tga": _saved(rgba, "TGA"),
        "tga packed": _saved(palette, "TGA", compression="tga_rle"),
        "avif": _saved(rgb, "AVIF", exif=_exif(6)),
        "avif alpha": _saved(rgba, "AVIF", icc_profile=icc),
        "avif animated": _both(rgb, "AVIF"),
        "ico": _saved(rgba, "ICO", sizes=[(16, 16), (32, 32)]),
        "heic": heic(np.arange(48 * 64).reshape(48, 64) % 256),
        "heic 10 bit": heic(np.arange(48 * 64).reshape(48, 64) % 1024, 10, quarter_turns=1),
        "npy": _array(deep),
        "npy colour": _array(np.dstack([deep] * 3).astype(np.float32)),
        "tif 16 bit colour": _encoded(np.dstack([deep] * 3), ".tif"),
        "tif deep pages": _saved(
            Image.fromarray(deep), "TIFF", save_all=True, append_images=[Image.fromarray(deep)]
        ),
        "ppm 16 bit": _encoded(np.dstack([deep] * 3), ".ppm"),
        "jp2 16 bit colour": _encoded(np.dstack([deep] * 3), ".jp2"),
        "dcm": written(dataset(deep, WindowCenter=30_000, WindowWidth=9000)),
        "dcm frames": written(dataset(np.stack([deep, deep]))),
        **{f"dcm {name}": _compressed(deep, kind) for name, kind in _KINDS.items()},
        "ico bmp": _saved(rgba, "ICO", sizes=[(16, 16), (32, 32)], bitmap_format="bmp"),
    }
    return {name: (f".{name.partition(' ')[0]}", content) for name, content in found.items()}
