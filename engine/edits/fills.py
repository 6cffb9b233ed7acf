"""What takes the place of hidden pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.edits.adjusting import blurred
from engine.edits.boxes import Box, whole
from engine.edits.inpainting import inpainted
from engine.edits.planes import Plane, like
from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.progress import CancelToken
from engine.records.edits import Fill, Filling

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLUR_SHARE = 0.1
"""Standard deviation of the Gaussian, of the shorter side of the image."""

GREY = 128
"""Of 0 to 255, for every colour."""

_TILE = 512
"""Pixels after which noise repeats itself, across and down."""


def fill_in(
    result: Plane,
    picture: Plane,
    mask: NDArray[np.bool_],
    box: Box,
    filling: Filling,
    *,
    kept: bool = False,
    cancel: CancelToken | None = None,
) -> None:
    """Fill hidden pixels of a picture, in its copy.

    result: a plane like picture, which is written to. mask: bool, of the box, which lies in the
    picture; pixels that are not hidden are left as result has them. kept: whether it is all but a
    shape that is hidden. Raises Cancelled.
    """
    if box.is_empty or not mask.any():
        return
    values = _values(picture, mask, box, filling, kept, cancel)
    if cancel is not None:
        cancel.raise_if_cancelled()
    if values.ndim == 1:
        values = np.full((*mask.shape, 3), values, result.dtype)
    # Several times as fast as numpy's.
    cv2.copyTo(values, mask.view(np.uint8), result[box.part])


def _values(
    picture: Plane,
    mask: NDArray[np.bool_],
    box: Box,
    filling: Filling,
    kept: bool,
    cancel: CancelToken | None,
) -> Plane:
    """The values for a box: (height, width, 3), or (3,) for one colour; in the picture's type."""
    fill = filling.fill
    if fill is Fill.INPAINT:
        return inpainted(picture, mask, box, kept=kept, cancel=cancel)
    if fill is Fill.BLUR:
        return _blur(picture, box)
    if fill is Fill.NOISE:
        return _noise(picture, box, filling.seed, cancel)
    if fill is Fill.MEAN:
        mean = np.asarray(cv2.mean(picture)[:3])
        return np.asarray(np.rint(mean) if picture.dtype == np.uint8 else mean, picture.dtype)
    colour = filling.colour if fill is Fill.COLOUR else (GREY,) * 3
    return like(np.array(colour, np.uint8), picture)


def _blur(picture: Plane, box: Box) -> Plane:
    """A part of the picture, blurred; what is farther away than it reaches is not looked at."""
    height, width = picture.shape[:2]
    sigma = BLUR_SHARE * min(height, width)
    seen = box.grown(int(4 * sigma) + 1).within(whole(height, width))
    return blurred(picture[seen.part], sigma)[box.moved(-seen.left, -seen.top).part]


def _noise(picture: Plane, box: Box, seed: int, cancel: CancelToken | None) -> Plane:
    """Independent of pixel to pixel, by a normal distribution with the mean and the standard
    deviation of the image; the same at a place, whatever box it is asked for in."""
    tile = np.random.default_rng(seed).standard_normal((_TILE, _TILE, 3), np.float32)
    mean, spread = (each[:3, 0].astype(np.float32) for each in cv2.meanStdDev(picture))
    tile = tile * spread + mean
    if picture.dtype == np.uint8:
        tile = np.rint(tile.clip(0, 255)).astype(np.uint8)
    else:
        tile = tile.clip(0, 1)
    # One row of tiles, of which the box has its part as often as it is high.
    band = tile[:, np.arange(box.left, box.right) % _TILE]
    result = np.empty((box.bottom - box.top, *band.shape[1:]), tile.dtype)
    for top in range(box.top - box.top % _TILE, box.bottom, _TILE):
        if cancel is not None:
            cancel.raise_if_cancelled()
        start, end = max(top, box.top), min(top + _TILE, box.bottom)
        result[start - box.top : end - box.top] = band[start - top : end - top]
    return result
