"""Preprocesses an image that changes in part: only that part is resized again."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from engine.images.levels import applied_to
from engine.images.placing import (
    Placement,
    cropped,
    filter_of,
    is_extreme,
    placement,
    resized,
    selected,
)
from engine.images.preprocessing import Prepared, prepare, prepare_crop
from engine.images.presets import validate
from engine.records.images import LoadedImage, Preprocessing, Region

_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
"""How far Pillow's filters reach, in pixels of the larger of both grids."""


class Following:
    """Preprocesses one image after the other, of which each differs from the last in a part.

    how: as in prepare, whose tensors its own equal, but for a grey level here and there where
    Pillow rounds. Not thread-safe.
    """

    def __init__(self, how: Preprocessing) -> None:
        self._how = how
        self._small: Image.Image | None = None
        self._size = (0, 0)

    def prepare(self, image: LoadedImage, changed: Region | None = None) -> Prepared:
        """What prepare returns. changed: the part of the image, in its pixels, outside which it is
        as the one before; None for any image. Raises what prepare raises."""
        how, size = self._how, (image.width, image.height)
        validate(how)
        place = placement(*size, how)
        anew = not how.antialias or how.interpolation not in _SUPPORT
        if (
            anew
            or is_extreme(*size, how)
            or (place.width, place.height) == size
            or applied_to(image, how.levels) is not None
        ):
            self._small = None
            return prepare(image, how)
        if self._small is None or changed is None or self._size != size:
            self._small = resized(selected(Image.fromarray(image.pixels), how), place, how)
        elif changed.width and changed.height:
            self._follow(image, place, changed)
        self._size = size
        return prepare_crop(cropped(self._small, place, how), size, how)

    def _follow(self, image: LoadedImage, place: Placement, changed: Region) -> None:
        assert self._small is not None
        reach = _SUPPORT[self._how.interpolation]
        left, right, x0, x1 = _parts(changed.x, changed.width, image.width, place.width, reach)
        top, bottom, y0, y1 = _parts(changed.y, changed.height, image.height, place.height, reach)
        across, down = image.width / place.width, image.height / place.height
        pixels = np.ascontiguousarray(image.pixels[y0:y1, x0:x1])
        part = selected(Image.fromarray(pixels), self._how)
        box = (
            max(0.0, left * across - x0),
            max(0.0, top * down - y0),
            min(float(x1 - x0), right * across - x0),
            min(float(y1 - y0), bottom * down - y0),
        )
        size = right - left, bottom - top
        self._small.paste(part.resize(size, filter_of(self._how), box), (left, top))


def _parts(
    start: float, length: float, before: int, after: int, reach: float
) -> tuple[int, int, int, int]:
    """The pixels of a resized row that depend on a part of it, and the part that they depend on.

    before, after: the lengths of the row. Returns two half-open ranges.
    """
    scale = before / after
    support = reach * max(scale, 1.0) + 1
    first = math.floor((start - support) / scale - 0.5)
    last = math.ceil((start + length + support) / scale - 0.5) + 1
    first, last = min(max(first, 0), after - 1), min(max(last, 1), after)
    low = math.floor((first + 0.5) * scale - support)
    high = math.ceil((last - 0.5) * scale + support)
    return first, last, max(low, 0), min(high, before)
