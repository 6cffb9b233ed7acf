"""Opening pictures: a reader process decodes them (decoding.py), and their pixels come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ImageError
from engine.progress import CancelToken
from engine.reader import client
from engine.records.images import MAX_PIXELS, LoadedImage, Pixels

__all__ = ["MAX_PIXELS", "decode_image", "image_from_array", "load_image", "load_thumbnail"]

# What a reader may take for a picture: as much as a hundred megapixels need while they are decoded
# and turned, and for larger ones in proportion to a file that holds them.
_MEMORY = 1300 << 20
_MEMORY_A_BYTE = 16


def load_image(
    path: str | Path,
    *,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> LoadedImage:
    """Read an image file.

    patience: seconds of work after which reading it stops; None waits for as long as it takes.

    Returns pixels of uint8 (height, width, 3), RGB, with the EXIF orientation applied. Grey,
    palette, RGBA (alpha dropped) and CMYK pictures are converted as Pillow's convert('RGB')
    does; 16-bit values keep their upper 8 bits, as in torchvision's conversion of dtypes.

    Raises ImageError when the file is missing, no regular file, no image, truncated, empty, has
    more than MAX_PIXELS pixels, or takes too long or too much memory; Cancelled.
    """
    path = Path(path)
    answer = _asked(path, 0, cancel, patience)
    mode = str(answer.reply["mode"])
    return LoadedImage(path.name, _pixels(answer, str(path)), path.absolute(), mode)


def load_thumbnail(
    path: str | Path,
    size: int,
    *,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> Pixels:
    """A small version of an image file: uint8 (h, w, 3), RGB, its longer side about size pixels.

    Much faster than load_image where the format can be decoded at a fraction of its size (JPEG).
    Raises ImageError as load_image does.
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
    """Like load_image, for the bytes of a file (pasted, or dropped from a browser)."""
    with client.reading(cancel, patience):
        answer = client.ask("picture", ImageError, name, data=data, memory=_memory_for(len(data)))
    return LoadedImage(name=name, pixels=_pixels(answer, name), mode=str(answer.reply["mode"]))


def image_from_array(pixels: Pixels, name: str) -> LoadedImage:
    """An image from uint8 (height, width, 3) RGB.

    Raises ImageError for another shape or type, or an empty picture.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(
            f"{name}: uint8 (height, width, 3) is expected, not {pixels.dtype} {pixels.shape}"
        )
    return LoadedImage(name=name, pixels=np.ascontiguousarray(pixels))


def _asked(
    path: Path, draft: int, cancel: CancelToken | None, patience: float | None
) -> client.Answer:
    memory = _memory_for(_size_of(path))
    with client.reading(cancel, patience):
        return client.ask("picture", ImageError, str(path), path=path, memory=memory, draft=draft)


def _pixels(answer: client.Answer, name: str) -> Pixels:
    height, width = int(answer.reply["height"]), int(answer.reply["width"])
    if min(height, width) < 1 or len(answer.content) != 3 * height * width:
        raise ImageError(f"{name}: the decoder gave other pixels than it said; save it anew")
    return np.frombuffer(answer.content, np.uint8).reshape(height, width, 3)


def _size_of(path: Path) -> int:
    """In bytes; 0 where that cannot be told, which reading it then says."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _memory_for(size: int) -> int:
    return _MEMORY + _MEMORY_A_BYTE * size
