"""Reads images: a reader process decodes them (decoding.py) and returns the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ImageError
from engine.images import depths
from engine.images.levels import resolve, to_bytes, with_levels
from engine.progress import CancelToken
from engine.reader import client
from engine.records.images import MAX_PIXELS, LoadedImage, Pixels
from engine.records.levels import AUTO, Levels

__all__ = [
    "MAX_PIXELS",
    "decode_image",
    "image_from_array",
    "image_of",
    "load_image",
    "load_thumbnail",
    "memory_for",
]

# Memory limit of a reader process: enough to decode and rotate 100 megapixels, plus a share in
# proportion to the file size for larger images.
_MEMORY = 1300 << 20
_MEMORY_A_BYTE = 16

_INCONSISTENT = "the decoder returned inconsistent data; save the image again"


def load_image(
    path: str | Path,
    *,
    page: int = 1,
    levels: Levels = AUTO,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> LoadedImage:
    """Read an image file.

    page: from 1, of a TIFF, DICOM, .npy or animated file. levels: which values are black and white.
    patience: CPU time in seconds after which reading stops; None for no limit.

    Returns pixels as uint8 (height, width, 3), RGB, with the EXIF orientation applied. Grey,
    palette, RGBA (alpha dropped) and CMYK images of 8 bits are converted with Pillow's
    convert('RGB'). Of others, depth has the values, and pixels show them with these levels.

    Raises ImageError if the file is missing, not a regular file, not an image, truncated, empty,
    has no such page, more than MAX_PIXELS pixels, or takes too long or too much memory; Cancelled.
    """
    path = Path(path)
    answer = _asked(path, 0, page, cancel, patience)
    return _image(answer, str(path), levels, path)


def load_thumbnail(
    path: str | Path,
    size: int,
    *,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> Pixels:
    """A thumbnail of an image file: uint8 (h, w, 3), RGB, with a longer side of about size pixels.

    Much faster than load_image if the format can be decoded at reduced size (JPEG). Raises the same
    errors as load_image.
    """
    path = Path(path)
    return _pixels(_asked(path, size, 1, cancel, patience), str(path))


def decode_image(
    data: bytes,
    name: str,
    *,
    page: int = 1,
    levels: Levels = AUTO,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> LoadedImage:
    """Like load_image, for the content of a file (pasted, or dropped from a browser)."""
    with client.reading(cancel, patience):
        answer = client.ask(
            "picture",
            ImageError,
            name,
            data=data,
            memory=_memory_for(len(data)),
            page=page - 1,
        )
    return _image(answer, name, levels)


def image_from_array(pixels: Pixels, name: str) -> LoadedImage:
    """An image from uint8 (height, width, 3) RGB.

    Raises ImageError for another shape or dtype, or an empty image.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(
            f"{name}: expected uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    return LoadedImage(name=name, pixels=np.ascontiguousarray(pixels))


def _asked(
    path: Path, draft: int, page: int, cancel: CancelToken | None, patience: float | None
) -> client.Answer:
    with client.reading(cancel, patience):
        return client.ask(
            "picture",
            ImageError,
            str(path),
            path=path,
            memory=memory_for(path),
            draft=draft,
            page=page - 1,
        )


def image_of(answer: client.Answer, name: str, path: Path) -> LoadedImage:
    """The image that a reader's answer about a file has, if that is as of operation 'picture'.

    Raises ImageError for an answer that contradicts itself.
    """
    return _image(answer, name, AUTO, path)


def memory_for(path: Path) -> int:
    """Limit of a reader's memory for an image file, in bytes."""
    return _memory_for(_size_of(path))


def _image(
    answer: client.Answer, name: str, levels: Levels, path: Path | None = None
) -> LoadedImage:
    """The image of an answer, whose every value is checked. Raises ImageError."""
    reply = answer.reply
    try:
        depth = depths.received(reply, answer.content)
        subject = depths.subject(reply)
        pages = max(1, int(reply["pages"]))
        page, mode = int(reply["page"]) + 1, str(reply["mode"])
        notices = tuple(str(text) for text in reply["notices"])
    except (LookupError, TypeError, ValueError):
        raise ImageError(f"{name}: {_INCONSISTENT}") from None
    shown = None
    if depth is None:
        pixels = _pixels(answer, name)
    else:
        shown = resolve(depth, levels)
        pixels = to_bytes(depth, shown)
        if depth.not_finite:
            notices += (_odd_words(depth.not_finite),)
    image = LoadedImage(
        name=name if path is None else path.name,
        pixels=pixels,
        path=None if path is None else path.absolute(),
        mode=mode,
        depth=depth,
        levels=levels,
        shown=shown,
        page=page,
        pages=pages,
        notices=notices,
        subject=subject,
    )
    return with_levels(image, levels)


def _odd_words(count: int) -> str:
    which = "1 value is" if count == 1 else f"{count:,} values are"
    return (
        f"{which} NaN or infinite: NaN is taken as black, infinity as white, minus infinity as "
        "black."
    )


def _pixels(answer: client.Answer, name: str) -> Pixels:
    height, width = int(answer.reply["height"]), int(answer.reply["width"])
    if min(height, width) < 1 or len(answer.content) != 3 * height * width:
        raise ImageError(f"{name}: {_INCONSISTENT}")
    return np.frombuffer(answer.content, np.uint8).reshape(height, width, 3)


def _size_of(path: Path) -> int:
    """In bytes; 0 if unknown, since reading the file then reports the error."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _memory_for(size: int) -> int:
    return _MEMORY + _MEMORY_A_BYTE * size
