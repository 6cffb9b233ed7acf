"""A part of another image laid over this one."""

from __future__ import annotations

from engine.edits.boxes import Box, rounded, whole
from engine.edits.planes import Plane, like, plane_of
from engine.errors import EditError
from engine.lazy.opencv import cv2
from engine.records.edits import Paste
from engine.records.images import LoadedImage

_MOST = 30_000
"""Longest side of what is pasted, in pixels."""
_MOST_PIXELS = 100_000_000


def piece_of(other: LoadedImage, paste: Paste) -> Plane:
    """What is pasted, at its size on the image that it is pasted on.

    Raises EditError for a part outside its image, and for a size beyond reason.
    """
    part = rounded(paste.part).within(whole(other.height, other.width))
    if part.is_empty:
        raise EditError(
            f"{other.name}: what is to be pasted lies outside its {other.width:,} x "
            f"{other.height:,} pixels"
        )
    piece = plane_of(other)[part.part]
    if paste.scale == 1:
        return piece
    width = max(1, round(part.width * paste.scale))
    height = max(1, round(part.height * paste.scale))
    if max(width, height) > _MOST or width * height > _MOST_PIXELS:
        raise EditError(f"{other.name}: pasted {width:,} x {height:,} pixels large; scale it down")
    how = cv2.INTER_AREA if paste.scale < 1 else cv2.INTER_LINEAR
    resized: Plane = cv2.resize(piece, (width, height), interpolation=how)
    return resized


def place_of(piece: Plane, paste: Paste, frame: Box) -> Box:
    """Where a piece comes to lie, in pixels of an image that shows this frame; it may stick out."""
    left, top = round(paste.at[0]) - frame.left, round(paste.at[1]) - frame.top
    return Box(left, top, left + piece.shape[1], top + piece.shape[0])


def laid_over(result: Plane, piece: Plane, place: Box) -> Box:
    """Lay a piece over a plane, which is written to. Returns what was written."""
    shown = place.within(whole(*result.shape[:2]))
    if not shown.is_empty:
        own = shown.moved(-place.left, -place.top)
        result[shown.part] = like(piece[own.part], result)
    return shown
