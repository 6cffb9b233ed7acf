"""What is under a map: the image as it is, in grey, or its edges alone.

Edges are found by Canny (1986) at one size, whatever that of the image, so that they are lines of
the same width on the screen and in an export.
"""

from __future__ import annotations

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.display import Backdrop
from engine.records.images import Pixels

EDGE_SIDE = 1024
"""Longest side of the image in which edges are looked for, in pixels."""

_SPREAD = 1 / 3
_LOWEST, _HIGHEST = 40.0, 200.0


def grey(pixels: Pixels) -> Pixels:
    """The luma of uint8 (h, w, 3) RGB pixels (ITU-R BT.601): uint8 (h, w)."""
    luma: Pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return luma


def edges(pixels: Pixels) -> Pixels:
    """The edges of uint8 (h, w, 3) RGB pixels, white on black: uint8, at most EDGE_SIDE a side.

    The thresholds lie a third below and above the median of the luma, as is usual.
    """
    height, width = pixels.shape[:2]
    small = np.ascontiguousarray(pixels)
    if max(width, height) > EDGE_SIDE:
        part = EDGE_SIDE / max(width, height)
        size = max(1, round(width * part)), max(1, round(height * part))
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    luma = cv2.GaussianBlur(grey(small), (0, 0), 1.0)
    middle = min(max(float(np.median(luma)), _LOWEST), _HIGHEST)
    found: Pixels = cv2.Canny(luma, middle * (1 - _SPREAD), middle * (1 + _SPREAD))
    return found


def lay(pixels: Pixels, backdrop: Backdrop) -> None:
    """Replace uint8 (h, w, 3) RGB pixels by what is to be under the map, in place."""
    if backdrop == "grey":
        pixels[:] = grey(pixels)[:, :, None]
    elif backdrop == "edges":
        height, width = pixels.shape[:2]
        found = edges(pixels)
        pixels[:] = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, None]
