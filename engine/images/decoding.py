"""Decodes images with Pillow to 8-bit RGB, with the EXIF orientation applied.

Runs in a reader process, since a decoder may crash, exhaust memory or hang; the program reads
images through engine.images.reading.
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
from engine.images import colour_profiles
from engine.records.images import MAX_PIXELS

_log = logging.getLogger(__name__)

# Up to this size, any compression ratio is accepted. Beyond it, a ratio above 200 is taken for a
# decompression bomb: photographs and scans reach 50 at most.
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

# Size of a strip of rows that is converted and written at once.
_STRIP_BYTES = 1 << 20

# Pillow's default limit of 89 megapixels is below what scanners deliver. The check of the header
# decides, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def unreadable(text: str) -> ImageError:
    return ImageError(text)


def decode_bytes(content: bytes, name: str, descriptor: int) -> dict[str, Any]:
    """Like decode, for the bytes of a file."""
    return decode(io.BytesIO(content), name, descriptor)


def decode(file: BinaryIO, name: str, descriptor: int, draft: int = 0) -> dict[str, Any]:
    """Write the pixels of an image, uint8 (height, width, 3), RGB, row by row to a descriptor.

    name: for messages. draft: longer side of a reduced version, in pixels; 0 for full size.
    Returns width, height, mode (Pillow's name of the file's own pixel format) and notices.
    Raises ImageError if it is not an image, truncated, empty or too large.
    """
    if not _length(file):
        raise ImageError(f"{name}: the file is empty; download or save it again")
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata and large sizes; the size is checked below.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_formats()) as image:
                _check_size(image.size, _length(file), name)
                mode = image.mode
                told = colour_profiles.notice(image.info.get("icc_profile"))
                if draft:
                    image.draft("RGB", (draft, draft))
                    image.thumbnail((2 * draft, 2 * draft), Image.Resampling.NEAREST)
                # Before reading the metadata, since Pillow itself rotates a TIFF while decoding.
                image.load()
                whole = _upright(image)
                if draft:
                    whole = _to_rgb(whole)
                    whole.thumbnail((draft, draft))
                _write(whole, descriptor)
                return {
                    "width": whole.width,
                    "height": whole.height,
                    "mode": mode,
                    "notices": [told] if told else [],
                }
    except Image.DecompressionBombError:
        raise ImageError(_too_large(name)) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a readable image; use PNG, JPEG or TIFF") from None
    except _DAMAGED as error:
        raise ImageError(
            f"{name}: the image is damaged or truncated ({error}); download or save it again"
        ) from error


def _write(image: Image.Image, descriptor: int) -> None:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_rgb(image)
    # In strips: a full intermediate image would be as large as the result.
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
    """The supported formats that this build of Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _upright(image: Image.Image) -> Image.Image:
    """The image rotated by its EXIF orientation; invalid metadata is ignored.

    Pillow's own exif_transpose also rewrites the metadata, and fails if they are invalid.
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
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels); open another")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(name, f"{width:,} x {height:,} pixels; "))
    if width * height > _FREE_PIXELS and 3 * width * height > _MOST_EXPANSION * length:
        raise ImageError(
            f"{name}: {width:,} x {height:,} pixels in a file of {length / 1e6:.1f} MB, an "
            "implausible compression ratio; scale the image down to open it"
        )


def _too_large(name: str, size: str = "") -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"{name}: the image is too large ({size}the limit is {limit} megapixels); scale it down"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(image).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Values of more than 8 bits reduced to 8 bits, as in torchvision's dtype conversion."""
    import numpy as np

    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image))
        scale = 255.0 if floats.max(initial=0.0) <= 1.0 else 1.0
        return Image.fromarray((floats * scale).clip(0, 255).astype(np.uint8))
    values = np.asarray(image).astype(np.int64)
    if values.max(initial=0) > 255 or image.mode != "I":
        values >>= 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
