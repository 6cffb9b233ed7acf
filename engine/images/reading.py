"""Reads images: a reader process decodes them (decoding.py) and returns the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ImageError
from engine.progress import CancelToken
from engine.reader import client
from engine.records.images import MAX_PIXELS, LoadedImage, Pixels

__all__ = ["MAX_PIXELS", "decode_image", "image_from_array", "load_image", "load_thumbnail"]

# Memory limit of a reader process: enough to decode and rotate 100 megapixels, plus a share in
# proportion to the file size for larger images.
_MEMORY = 1300 << 20
_MEMORY_A_BYTE = 16


def load_image(
    path: str | Path,
    *,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> LoadedImage:
    """Read an image file.

    patience: CPU time in seconds after which reading stops; None for no limit.

    Returns pixels as uint8 (height, width, 3), RGB, with the EXIF orientation applied. Grey,
    palette, RGBA (alpha dropped) and CMYK images are converted with Pillow's convert('RGB');
    16-bit values keep their upper 8 bits, as in torchvision's dtype conversion.

    Raises ImageError if the file is missing, not a regular file, not an image, truncated, empty,
    has more than MAX_PIXELS pixels, or takes too long or too much memory; Cancelled.
    """
    path = Path(path)
    answer = _asked(path, 0, cancel, patience)
    pixels, mode, notices = _pixels(answer, str(path)), str(answer.reply["mode"]), _notices(answer)
    return LoadedImage(path.name, pixels, path.absolute(), mode, notices)


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
    return _pixels(_asked(path, size, cancel, patience), str(path))


def decode_image(
    data: bytes,
    name: str,
    *,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> LoadedImage:
    """Like load_image, for the content of a file (pasted, or dropped from a browser)."""
    with client.reading(cancel, patience):
        answer = client.ask("picture", ImageError, name, data=data, memory=_memory_for(len(data)))
    pixels, mode = _pixels(answer, name), str(answer.reply["mode"])
    return LoadedImage(name=name, pixels=pixels, mode=mode, notices=_notices(answer))


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
    path: Path, draft: int, cancel: CancelToken | None, patience: float | None
) -> client.Answer:
    memory = _memory_for(_size_of(path))
    with client.reading(cancel, patience):
        return client.ask("picture", ImageError, str(path), path=path, memory=memory, draft=draft)


def _notices(answer: client.Answer) -> tuple[str, ...]:
    return tuple(str(text) for text in answer.reply["notices"])


def _pixels(answer: client.Answer, name: str) -> Pixels:
    height, width = int(answer.reply["height"]), int(answer.reply["width"])
    if min(height, width) < 1 or len(answer.content) != 3 * height * width:
        raise ImageError(f"{name}: the decoder returned inconsistent data; save the image again")
    return np.frombuffer(answer.content, np.uint8).reshape(height, width, 3)


def _size_of(path: Path) -> int:
    """In bytes; 0 if unknown, since reading the file then reports the error."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _memory_for(size: int) -> int:
    return _MEMORY + _MEMORY_A_BYTE * size
