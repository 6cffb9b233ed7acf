"""Decodes images: 8-bit ones with Pillow to RGB, others to the values that the file holds; upright.

Runs in a reader process, since a decoder may crash, exhaust memory or hang; the program reads
images through engine.images.reading.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from engine.errors import ImageError, one_line
from engine.files import foreign
from engine.images import colour_profiles
from engine.images.decoders.raw import Raw, check_page, check_size, send, too_large
from engine.records.images import MAX_PIXELS

_log = logging.getLogger(__name__)

# EPS and PDF are left out on purpose: reading them starts another program.
_FORMATS = (
    *("PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "AVIF", "ICO"),
)

_PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF")
"""Formats whose further images are pages; those of others are previews and versions."""

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
"""What decoders raise on damaged data."""

_HEAD = 512
"""Bytes from which the kind of a file is told."""

# Pillow's default limit of 89 megapixels is below what scanners deliver. The check of the header
# decides, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def unreadable(text: str) -> ImageError:
    return ImageError(text)


def decode_bytes(content: bytes, name: str, descriptor: int, page: int = 0) -> dict[str, Any]:
    """Like decode, for the bytes of a file."""
    return decode(io.BytesIO(content), name, descriptor, 0, page)


def decode(
    file: BinaryIO,
    name: str,
    descriptor: int,
    draft: int = 0,
    page: int = 0,
    take: Callable[[Raw], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write the pixels of an image, row by row, to a descriptor.

    They are uint8 (height, width, 3), RGB, unless the file has more than 8 bits or states its own
    range; then they are its values, which the reply describes as 'depth'.

    name: for messages. draft: longer side of a reduced version, RGB, in pixels; 0 for full size.
    page: from 0. take: what is made of the page, in place of writing it. Returns the reply of
    decoders.raw.send, or what take returns.
    Raises ImageError if it is not an image, truncated, empty, too large or has no such page.
    """
    try:
        with warnings.catch_warnings():
            # Decoders warn about odd metadata and large sizes; the size is checked here.
            warnings.simplefilter("ignore")
            raw = _read(file, name, draft, page)
            _check_values(raw, name)
            return send(raw, descriptor, draft) if take is None else take(raw)
    except Image.DecompressionBombError:
        raise ImageError(too_large(name)) from None
    except UnidentifiedImageError:
        file.seek(0)
        what = foreign.words_for(Path(name), file.read(_HEAD))
        what = what or "not a readable image; use PNG, JPEG, TIFF, DICOM, HEIC or .npy"
        raise ImageError(f"{name}: {what}") from None
    except _DAMAGED as error:
        raise ImageError(
            f"{name}: the image is damaged or truncated ({one_line(error)}); download or save it "
            "again"
        ) from error


def _check_values(raw: Raw, name: str) -> None:
    """Raises ImageError if there is no value to show."""
    depth = raw.depth
    if depth is not None and depth.not_finite == depth.values.size:
        raise ImageError(
            f"{name}: all values of the image are NaN or infinite; save it with finite ones"
        )


def _read(file: BinaryIO, name: str, draft: int, page: int) -> Raw:
    """A page, by the decoder for its kind; these are imported when they are needed."""
    length = _length(file)
    if not length:
        raise ImageError(f"{name}: the file is empty; download or save it again")
    head = file.read(_HEAD)
    file.seek(0)
    from engine.images.decoders import dicom, heif

    if head.startswith(b"\x93NUMPY"):
        from engine.images.decoders import arrays

        return arrays.read(file, name, page, length)
    if dicom.is_dicom(head, name):
        return dicom.read(file, name, page, length)
    if heif.is_heif(head):
        check_page(page, 1, name)
        return heif.read(file, name, length)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _read_tiff(file, name, draft, page, length)
    return _read_usual(file, name, draft, page, length)


def _read_tiff(file: BinaryIO, name: str, draft: int, page: int, length: int) -> Raw:
    from engine.images.decoders import tiff

    pages = tiff.Pages(file)
    check_page(page, len(pages), name)
    facts = pages.facts(page)
    file.seek(0)
    deep = tiff.read(file, facts, len(pages), page, name, length) if facts.is_deep else None
    if deep is not None:
        return deep
    file.seek(0)
    try:
        return _read_usual(file, name, draft, page, length, facts.bits)
    except UnidentifiedImageError:
        if not facts.is_deep:
            raise
        raise ImageError(
            f"{name}: a TIFF of {facts.kind} in a form that cannot be read; save it uncompressed, "
            "as integers of 16 bits or floats of 32 bits"
        ) from None


def _read_usual(
    file: BinaryIO, name: str, draft: int, page: int, length: int, bits: int = 8
) -> Raw:
    """With Pillow, and where it would lose depth, with another decoder. bits: if known."""
    head = file.read(_HEAD)
    file.seek(0)
    with Image.open(file, formats=_formats()) as image:
        check_size(*image.size, length, name)
        mode, pages = image.mode, 1
        notices = colour_profiles.notices(image.info.get("icc_profile"))
        # Counting the pages of an animation takes time, which a thumbnail does without.
        if image.format in _PAGED and not (draft and page == 0):
            pages = int(getattr(image, "n_frames", 1))
        check_page(page, pages, name)
        if page:
            image.seek(page)
            check_size(*image.size, length, name)
        from engine.images.decoders import wide

        if wide.loses_depth(image, head):
            found = wide.read(image, file, head, name, pages, length, _orientation_of(image))
            if found is not None:
                return replace(found, notices=found.notices + notices)
            bits = 16
        if draft and not page:
            image.draft("RGB", (draft, draft))
            image.thumbnail((2 * draft, 2 * draft), Image.Resampling.NEAREST)
        # Before reading the metadata, since Pillow itself rotates a TIFF while decoding.
        image.load()
        whole = _upright(image)
        if whole.mode in ("I", "F") or whole.mode.startswith("I;16"):
            return replace(wide.of_pillow(whole, mode, page, pages), notices=notices)
        if bits > 8:
            notices += (f"The {bits} bits of this file were reduced to 8.",)
        return Raw(picture=whole, mode=mode, page=page, pages=pages, notices=notices)


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
    method = _TURNS.get(_orientation_of(image))
    return image if method is None else image.transpose(method)


def _orientation_of(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except _DAMAGED as error:
        _log.info("EXIF of %s cannot be read: %s", getattr(image, "filename", "?"), error)
        return 1
    return orientation if isinstance(orientation, int) else 1
