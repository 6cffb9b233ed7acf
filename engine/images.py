"""Opening pictures: whatever Pillow reads becomes 8-bit RGB with its EXIF orientation applied."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from engine import places
from engine.errors import ImageError
from engine.records import LoadedImage, Pixels

_log = logging.getLogger(__name__)

MAX_PIXELS = 300_000_000
"""Largest picture that is opened, in pixels: 17,000 x 17,000, about 900 MB as RGB."""

# EPS and PDF are left out on purpose: reading them starts another program.
_FORMATS = (
    *("PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "AVIF", "ICO"),
)

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, NotImplementedError, struct.error, zlib.error),
)
"""What Pillow's decoders raise on damaged data."""

# Pillow's own guard stands at 89 megapixels, below what a scanner delivers. The check on the
# header in _decode is the one that counts, and it comes before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def load_image(path: str | Path) -> LoadedImage:
    """Read an image file.

    Returns pixels of uint8 (height, width, 3), RGB, with the EXIF orientation applied. Grey,
    palette, RGBA (alpha dropped) and CMYK pictures are converted as Pillow's convert('RGB')
    does; 16-bit values keep their upper 8 bits, as in torchvision's conversion of dtypes.

    Raises ImageError when the file is missing, no image, truncated, empty or has more than
    MAX_PIXELS pixels.
    """
    path = Path(path)
    with _opened(path) as file:
        pixels, mode = _decode(file, str(path))
    return LoadedImage(name=path.name, pixels=pixels, path=path.absolute(), mode=mode)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise ImageError(f"{path}: there is no such file; check the name") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: this is a folder; name one of the images in it") from None
    except PermissionError:
        if places.is_folder(path):  # what Windows says of a folder
            raise ImageError(f"{path}: this is a folder; name one of the images in it") from None
        raise ImageError(f"{path}: no permission to read it; change its access rights") from None
    except OSError as error:
        raise ImageError(
            f"{path}: it cannot be read ({error.strerror or error}); check the disk and the name"
        ) from error


def decode_image(data: bytes, name: str) -> LoadedImage:
    """Like load_image, for the bytes of a file (pasted, or dropped from a browser)."""
    pixels, mode = _decode(io.BytesIO(data), name)
    return LoadedImage(name=name, pixels=pixels, mode=mode)


def image_from_array(pixels: Pixels, name: str) -> LoadedImage:
    """An image from uint8 (height, width, 3) RGB.

    Raises ImageError for another shape or type, or an empty picture.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(
            f"{name}: uint8 (height, width, 3) is wanted, not {pixels.dtype} {pixels.shape}"
        )
    return LoadedImage(name=name, pixels=np.ascontiguousarray(pixels))


def _decode(file: BinaryIO, name: str, draft: int = 0) -> tuple[Pixels, str]:
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata and of large sizes; the size is judged below.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_formats()) as image:
                _check_size(image.size, name)
                mode = image.mode
                if draft:
                    image.draft("RGB", (draft, draft))
                    image.thumbnail((2 * draft, 2 * draft), Image.Resampling.NEAREST)
                # Before its metadata is asked: Pillow turns a TIFF by itself when it decodes.
                image.load()
                rgb = _to_rgb(_upright(image))
                if draft:
                    rgb.thumbnail((draft, draft))
        pixels = np.asarray(rgb)
    except Image.DecompressionBombError:
        raise ImageError(_too_large(name)) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not an image that can be read; use PNG, JPEG or TIFF") from None
    except _DAMAGED as error:
        raise ImageError(
            f"{name}: the image is damaged or cut short ({error}); fetch or save it again"
        ) from error
    except MemoryError:
        raise ImageError(f"{name}: not enough memory to open it; scale it down first") from None
    return pixels, mode


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """The formats that this build of Pillow reads, of those that are wanted."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; odd metadata turns nothing.

    Pillow's own exif_transpose writes the metadata anew as well, and fails where it is odd.
    """
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except _DAMAGED as error:
        _log.info("EXIF of %s cannot be read: %s", getattr(image, "filename", "?"), error)
        return image
    method = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels)")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(name, f"{width:,} x {height:,} pixels; "))


def _too_large(name: str, size: str = "") -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"{name}: the image is too large ({size}the limit is {limit} megapixels); scale it down"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image).astype(np.int64)
        if values.max(initial=0) > 255 or image.mode != "I":
            values >>= 8
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image))
        scale = 255.0 if floats.max(initial=0.0) <= 1.0 else 1.0
        return Image.fromarray((floats * scale).clip(0, 255).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def load_thumbnail(path: str | Path, size: int) -> Pixels:
    """A small version of an image file: uint8 (h, w, 3), RGB, its longer side about size pixels.

    Much faster than load_image where the format can be decoded at a fraction of its size (JPEG).
    Raises ImageError as load_image does.
    """
    path = Path(path)
    with _opened(path) as file:
        pixels, _mode = _decode(file, str(path), draft=size)
    return pixels
