"""Decoding pictures: whatever Pillow reads becomes 8-bit RGB with its EXIF orientation applied.

This runs in a reader process, which a decoder may crash, fill or keep busy; engine.images.reading
is how the program reads pictures.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import warnings
import zlib
from functools import lru_cache
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from engine.errors import ImageError
from engine.records.images import MAX_PIXELS

_log = logging.getLogger(__name__)

# A picture of fewer pixels may be as uniform as it likes; beyond, one that is packed more than a
# two-hundredth is a bomb: photographs and scans come to a fiftieth at most.
_FREE_PIXELS = 100_000_000
_MOST_EXPANSION = 200

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
    *(ArithmeticError, NotImplementedError, RuntimeError, AssertionError, struct.error, zlib.error),
)
"""What Pillow's decoders raise on damaged data."""

# What a strip of rows that is converted and handed on at once may take.
_STRIP_BYTES = 1 << 20

# Pillow's own guard stands at 89 megapixels, below what a scanner delivers. The check on the
# header is the one that counts, and it comes before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def unreadable(text: str) -> ImageError:
    return ImageError(text)


def decode_bytes(content: bytes, name: str, descriptor: int) -> dict[str, Any]:
    """As decode, for the bytes of a file."""
    return decode(io.BytesIO(content), name, descriptor)


def decode(file: BinaryIO, name: str, descriptor: int, draft: int = 0) -> dict[str, Any]:
    """Write the pixels of a picture, uint8 (height, width, 3), RGB, row by row to a descriptor.

    name: for messages. draft: a small version, its longer side about as many pixels; 0 for all.
    Returns width, height and mode, Pillow's name of the file's own pixel format.
    Raises ImageError when it is no image, truncated, empty or too large.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata and of large sizes; the size is judged below.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_formats()) as image:
                _check_size(image.size, _length(file), name)
                mode = image.mode
                if draft:
                    image.draft("RGB", (draft, draft))
                    image.thumbnail((2 * draft, 2 * draft), Image.Resampling.NEAREST)
                # Before its metadata is asked: Pillow turns a TIFF by itself when it decodes.
                image.load()
                whole = _upright(image)
                if draft:
                    whole = _to_rgb(whole)
                    whole.thumbnail((draft, draft))
                _write(whole, descriptor)
                return {"width": whole.width, "height": whole.height, "mode": mode}
    except Image.DecompressionBombError:
        raise ImageError(_too_large(name)) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a readable image; use PNG, JPEG or TIFF") from None
    except _DAMAGED as error:
        raise ImageError(
            f"{name}: the image is damaged or cut short ({error}); download or save it again"
        ) from error


def _write(image: Image.Image, descriptor: int) -> None:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_rgb(image)
    # In strips: a whole picture in between would be as large as the outcome.
    rows = max(1, _STRIP_BYTES // max(1, 3 * image.width))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        view = memoryview(_to_rgb(strip).tobytes())
        while view:
            view = view[os.write(descriptor, view) :]


def _length(file: BinaryIO) -> int:
    place = file.tell()
    length = file.seek(0, io.SEEK_END)
    file.seek(place)
    return length


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


def _check_size(size: tuple[int, int], length: int, name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels)")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(name, f"{width:,} x {height:,} pixels; "))
    if width * height > _FREE_PIXELS and 3 * width * height > _MOST_EXPANSION * length:
        raise ImageError(
            f"{name}: {width:,} x {height:,} pixels in a file of {length / 1e6:.1f} MB, more "
            "than any photograph or scan has; scale it down to open it"
        )


def _too_large(name: str, size: str = "") -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"{name}: the image is too large ({size}the limit is {limit} megapixels); scale it down"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(image).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Values of more than 8 bits as 8-bit ones, as torchvision's conversion of types does it."""
    import numpy as np

    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image))
        scale = 255.0 if floats.max(initial=0.0) <= 1.0 else 1.0
        return Image.fromarray((floats * scale).clip(0, 255).astype(np.uint8))
    values = np.asarray(image).astype(np.int64)
    if values.max(initial=0) > 255 or image.mode != "I":
        values >>= 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
