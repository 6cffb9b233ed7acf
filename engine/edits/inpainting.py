"""OpenCV's inpainting of what a mask hides, in an affordable time whatever the size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.edits.boxes import Box, whole
from engine.edits.planes import Plane
from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.progress import CancelToken

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 90_000
"""Pixels that are inpainted at most, with what surrounds them: a larger part is inpainted at a
smaller size, and enlarged. More than a network sees of it, and at most 0.1 s on one core."""

_RADIUS = 3
_EDGE = 7
"""Pixels across of the disc by which what is unknown is wider than what is hidden: 3 on each side,
at the size at which it is inpainted."""

_KNOWN = 0.5
"""Share of a cell that is not hidden from which its colour counts as known."""

_LEAST_SEEN = 16
"""Pixels around the hidden ones that are looked at, at least."""


def inpainted(
    picture: Plane,
    mask: NDArray[np.bool_],
    box: Box,
    *,
    kept: bool = False,
    cancel: CancelToken | None = None,
) -> Plane:
    """What inpainting puts in place of the hidden pixels: (height, width, 3) of the box.

    mask: of the box, inside the picture. The pixels that are not hidden are of no use in the
    result. What is next to the hidden pixels is not continued either, since the edge of what is to
    be hidden is often blurred into it; but it is where a shape is kept, whose rim is the farthest
    from what it is kept for. Where nothing is left to continue, it is the mean colour. Raises
    Cancelled.
    """
    height, width = picture.shape[:2]
    margin = max(_LEAST_SEEN, max(box.width, box.height) // 8)
    seen = box.grown(margin).within(whole(height, width))
    around = picture[seen.part]
    hidden = np.zeros(around.shape[:2], np.uint8)
    own = box.moved(-seen.left, -seen.top)
    hidden[own.part] = mask
    if hidden.all():
        return np.full_like(picture[box.part], _mean(picture))
    edge = 1 if kept else _EDGE
    factor = math.sqrt(seen.width * seen.height / MOST)
    if factor <= 1:
        return _continued(around, hidden, edge)[own.part]
    size = max(1, round(seen.width / factor)), max(1, round(seen.height / factor))
    small, known = _reduced(around, hidden, size, cancel)
    _check(cancel)
    small = _continued(small, (~known).view(np.uint8), edge)
    _check(cancel)
    return _enlarged(small, own, seen)


def _check(cancel: CancelToken | None) -> None:
    """Between two calls of OpenCV, which does not stop within one."""
    if cancel is not None:
        cancel.raise_if_cancelled()


def _continued(picture: Plane, hidden: NDArray[np.uint8], edge: int) -> Plane:
    """The picture with what is hidden, 1 or 0, and what is next to it inpainted."""
    near = cv2.dilate(hidden, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge)))
    unknown = hidden if near.all() else near

    def filled(values: Plane) -> Plane:
        found: Plane = cv2.inpaint(np.ascontiguousarray(values), unknown, _RADIUS, cv2.INPAINT_NS)
        return found

    if picture.dtype == np.uint8:
        return filled(picture)
    # Of floating point values OpenCV takes one channel.
    planes = [filled(picture[..., channel]) for channel in range(3)]
    return np.stack(planes, axis=-1).clip(0, 1)


def _reduced(
    picture: Plane, hidden: NDArray[np.uint8], size: tuple[int, int], cancel: CancelToken | None
) -> tuple[Plane, NDArray[np.bool_]]:
    """The picture at a smaller size, and which of its pixels are known; nothing of the hidden ones
    enters it."""
    shown = hidden == 0
    # Sums over what is shown, which are divided by its share of each cell; a cell that is more than
    # half hidden is taken for hidden.
    lit = cv2.copyTo(picture, shown.view(np.uint8))
    _check(cancel)
    total = cv2.resize(lit, size, interpolation=cv2.INTER_AREA)
    _check(cancel)
    share = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    known = share >= _KNOWN
    if not known.any():
        known = share > 0
    small = total / np.maximum(share, 1 / 255)[..., None]
    if picture.dtype == np.uint8:
        small = np.rint(small).clip(0, 255)
    return small.astype(picture.dtype), known


def _enlarged(small: Plane, own: Box, seen: Box) -> Plane:
    """The part of a box, as large as it was before."""
    if (own.width, own.height) == (seen.width, seen.height):
        all_of_it: Plane = cv2.resize(small, (seen.width, seen.height))
        return all_of_it
    rows, columns = small.shape[:2]
    across, down = columns / seen.width, rows / seen.height
    # From a pixel of the part to the place in the small picture, by their centres.
    move = np.array(
        [
            [across, 0, (own.left + 0.5) * across - 0.5],
            [0, down, (own.top + 0.5) * down - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large: Plane = cv2.warpAffine(
        small, move, (own.width, own.height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return large


def _mean(picture: Plane) -> NDArray[np.float64]:
    return np.asarray(cv2.mean(picture)[:3])
