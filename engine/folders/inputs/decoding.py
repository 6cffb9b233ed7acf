"""Reads a few image files as a network takes them; runs in a reader process.

Of each file: its checksum, the properties of its pixels, and the crop that the network gets, which
is a twentieth of a photograph. What Pillow cannot prepare comes back whole.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageChops, ImageStat

from engine.errors import HookscopeError
from engine.files import regular
from engine.folders.records import MEASURED, Properties, stamp_in
from engine.images import decoding, levels, placing
from engine.images.decoders.raw import Raw, send
from engine.records.images import Channels, Preprocessing
from engine.records.levels import AUTO

_WHOLE = 64 << 20
"""Largest file that is read at once, in bytes."""

_LONGEST_S = 4.0
_LARGEST = 256 << 20
"""After so much CPU time, or bytes in the shared file, no further file is begun."""

_BLOCK = 1 << 20
_PASSING = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_COLOURLESS = 2.0
"""Mean difference between the largest and the smallest channel below which an image is grey, in
8-bit levels: JPEG of a grey image in colour is off by one or so."""


def read(paths: list[str], how: dict[str, Any] | None, descriptor: int) -> list[dict[str, Any]]:
    """A reply for each file, from the first on; fewer than paths if they take long or much memory.

    how: the parts of a Preprocessing that a crop depends on; None for whole images. Contents are in
    the shared file, at 'start' to 'end' of each reply: the crop, uint8 (h, w, 1 or 3), if it has a
    'crop', else as of decoders.raw.send. A file that cannot be read has 'error' and 'text'.
    """
    wanted = None if how is None else _preprocessing(how)
    begun = time.process_time()
    replies: list[dict[str, Any]] = []
    for path in paths:
        size = os.lseek(descriptor, 0, os.SEEK_CUR)
        if replies and (time.process_time() - begun > _LONGEST_S or size > _LARGEST):
            break
        facts: dict[str, Any] = {"start": size}
        try:
            facts |= _one(path, wanted, descriptor, facts)
        except HookscopeError as error:
            facts |= {"error": type(error).__name__, "text": str(error)}
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _PASSING:
                # Of the machine, not of the file.
                facts["content"] = ""
                why = error.__cause__.strerror
                facts["text"] = f"{path}: cannot be read ({why}); free some space and run again"
            # Half of an image may have been written.
            os.lseek(descriptor, size, os.SEEK_SET)
        replies.append({**facts, "end": os.lseek(descriptor, 0, os.SEEK_CUR)})
    return replies


def _one(
    path: str, how: Preprocessing | None, descriptor: int, facts: dict[str, Any]
) -> dict[str, Any]:
    with regular.opened(Path(path), decoding.unreadable) as file:
        found = os.fstat(file.fileno())
        # Known even if the content turns out to be damaged.
        facts["stamp"] = list(stamp_in(found))
        source, facts["content"] = _hashed(file, found.st_size)
        return decoding.decode(
            source, path, descriptor, take=lambda raw: _taken(raw, how, descriptor)
        )


def _hashed(file: BinaryIO, size: int) -> tuple[BinaryIO, str]:
    """The file's content to decode, and its SHA-256. Raises ImageError if it cannot be read."""
    try:
        if size <= _WHOLE:
            data = file.read(_WHOLE + 1)
            return io.BytesIO(data), hashlib.sha256(data).hexdigest()
        whole = hashlib.sha256()
        while block := file.read(_BLOCK):
            whole.update(block)
        file.seek(0)
    except OSError as error:
        raise decoding.unreadable(f"{file.name}: {regular.reason(error)}") from error
    return file, whole.hexdigest()


def _taken(raw: Raw, how: Preprocessing | None, descriptor: int) -> dict[str, Any]:
    picture = raw.picture
    if picture is None:
        assert raw.depth is not None
        shown = levels.to_bytes(raw.depth, levels.resolve(raw.depth, AUTO))
        return send(raw, descriptor, 0) | _facts(properties_of(Image.fromarray(shown)))
    picture = picture.convert("RGB")
    facts = _facts(properties_of(picture))
    if how is None or placing.is_extreme(picture.width, picture.height, how):
        # What refuses it is the network, not the file.
        return send(raw, descriptor, 0) | facts
    place = placing.placement(picture.width, picture.height, how)
    small = placing.resized(placing.selected(picture, how), place, how)
    crop = np.ascontiguousarray(placing.cropped(small, place, how))
    view = crop.data.cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
    size = {"width": picture.width, "height": picture.height}
    return facts | size | {"crop": crop.shape, "mode": raw.mode}


def properties_of(picture: Image.Image) -> Properties:
    """The properties of an RGB image."""
    width, height = picture.size
    factor = max(1, -(-max(width, height) // MEASURED))
    small = picture.reduce(factor) if factor > 1 else picture
    red, green, blue = small.split()
    highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    lowest = ImageChops.darker(ImageChops.darker(red, green), blue)
    colour = ImageStat.Stat(ImageChops.subtract(highest, lowest)).mean[0]
    luma = np.asarray(small.convert("L"))
    return Properties(
        width,
        height,
        brightness=float(luma.mean()) / 255,
        contrast=float(luma.std()) / 255,
        blur=sharpness(luma),
        grey=colour < _COLOURLESS,
    )


def sharpness(luma: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    """The variance of the Laplacian (four neighbours) of uint8 (h, w), inside the edge; 0 for an
    image that has no inside."""
    grid = luma.astype(np.int16)
    inner = grid[1:-1, 1:-1]
    if not inner.size:
        return 0.0
    second = grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:] - 4 * inner
    return float(second.astype(np.float32).var(dtype=np.float64))


def _facts(found: Properties) -> dict[str, Any]:
    return {
        "properties": [found.brightness, found.contrast, found.blur, found.grey],
    }


def _preprocessing(how: dict[str, Any]) -> Preprocessing:
    """The parts that a crop depends on, as the request has them."""
    resize = how["resize"]
    return Preprocessing(
        resize=tuple(resize) if isinstance(resize, list) else resize,
        crop=tuple(how["crop"]),
        mean=(0.0,),
        std=(1.0,),
        interpolation=how["interpolation"],
        antialias=how["antialias"],
        letterbox=how["letterbox"],
        channels=Channels(how["channels"]),
    )
