"""Reads NumPy arrays (.npy) as images. Arrays of Python objects are rejected: they are pickles."""

from __future__ import annotations

import math
import tokenize
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from engine.errors import ImageError
from engine.images.decoders.raw import Raw, check_page, check_size, depth_of
from engine.records.levels import Values

MAGIC = npy.MAGIC_PREFIX

_KINDS = "buif"
_CHANNELS = (1, 3, 4)


def read(file: BinaryIO, name: str, page: int, length: int) -> Raw:
    """One page of an array: (h, w), (h, w, channels), (channels, h, w), or pages of these.

    Channels are 1, 3 or 4, of which the fourth (alpha) is dropped. page: from 0. length: of the
    file, in bytes. Raises ImageError, ValueError for a malformed header.
    """
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, in_columns, dtype = header(file)
    except (tokenize.TokenError, RecursionError) as error:
        raise ValueError("no array header") from error
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.itemsize > 8:
        raise ImageError(
            f"{name}: an array of {dtype}, not of numbers for pixels; save it as integers or floats"
        )
    count, start = math.prod(shape), file.tell()
    if count * dtype.itemsize > length - start:
        raise ImageError(f"{name}: the array is truncated; save it again")
    pages, one = _split(tuple(shape), name)
    check_page(page, pages, name)
    rows, columns = one[1:] if _is_first(one) else one[:2]
    check_size(columns, rows, length, name, dtype.itemsize * math.prod(one) // (rows * columns))
    if in_columns:
        # Pages are interleaved in the file.
        whole = np.frombuffer(file.read(count * dtype.itemsize), dtype)
        values = (
            whole.reshape(shape, order="F")[page]
            if len(shape) > len(one)
            else whole.reshape(shape, order="F")
        )
    else:
        size = math.prod(one) * dtype.itemsize
        file.seek(start + page * size)
        values = np.frombuffer(file.read(size), dtype).reshape(one)
    notices: tuple[str, ...] = ()
    if _is_first(one):
        notices = (f"Read as {one[0]} channels x {rows} x {columns}, not as pages.",)
    values, span = _as_image(values)
    facts: dict[str, Any] = {"mode": str(dtype), "page": page, "pages": pages, "notices": notices}
    if values.dtype == np.uint8:
        return Raw(picture=Image.fromarray(np.ascontiguousarray(values)), **facts)
    return Raw(depth_of(values, span), **facts)


def _split(shape: tuple[int, ...], name: str) -> tuple[int, tuple[int, ...]]:
    """The number of pages and the shape of one. Raises ImageError."""
    if len(shape) == 2 and 0 not in shape:
        return 1, shape
    if len(shape) == 3 and 0 not in shape:
        if shape[-1] in _CHANNELS or shape[0] in _CHANNELS:
            return 1, shape
        return shape[0], shape[1:]
    if len(shape) == 4 and 0 not in shape and (shape[-1] in _CHANNELS or shape[1] in _CHANNELS):
        return shape[0], shape[1:]
    raise ImageError(
        f"{name}: an array of shape {shape}; save height x width, or height x width x 3"
    )


def _is_first(one: tuple[int, ...]) -> bool:
    """Whether the channels come first."""
    return len(one) == 3 and one[-1] not in _CHANNELS


def _as_image(values: Values) -> tuple[Values, tuple[float, float] | None]:
    """(h, w) or (h, w, 3), and the range of the type if it is not the obvious one."""
    if _is_first(values.shape):
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 3:
        values = values[..., 0] if values.shape[-1] == 1 else values[..., :3]
    return values, (0.0, 1.0) if values.dtype == np.bool_ else None
