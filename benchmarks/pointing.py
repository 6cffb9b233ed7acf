"""How well a map points at a shape whose place is known: pure functions on numpy arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.lazy.opencv import cv2

Map = NDArray[np.float32]
Area = NDArray[np.bool_]


def enlarged(found: Map, size: tuple[int, int]) -> Map:
    """A map (rows, columns) at the resolution of the image, (height, width), linear between the
    centres of its cells."""
    height, width = size
    fine: Map = cv2.resize(
        np.ascontiguousarray(found, dtype=np.float32),
        (width, height),
        interpolation=cv2.INTER_LINEAR,
    )
    return fine


def widened(area: Area, by: int) -> Area:
    """The area with everything that lies at most `by` pixels from it."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(area.astype(np.uint8), reach) > 0)


def hit(found: Map, area: Area) -> float:
    """Whether the map, (rows, columns), peaks in the area, (height, width): 1 or 0.

    The peak is the centre of the largest cell, where the map enlarged linearly is largest, too; the
    pixels of that would miss it by up to half a pixel, except at the border. Where several cells
    are largest, it is the share of these that lie in the area: a constant map gets what chance
    gives. A map without a positive value points nowhere: 0.
    """
    top = found.max()
    if not top > 0:
        return 0.0
    cells = np.argwhere(found == top)
    pixels = np.floor((cells + 0.5) * np.array(area.shape) / np.array(found.shape)).astype(int)
    return float(area[pixels[:, 0], pixels[:, 1]].mean())


def energy(fine: Map, area: Area) -> float:
    """The share, 0 to 1, of the sum of the map's positive part that lies in the area; 0 where
    nothing is positive."""
    positive = np.maximum(fine.astype(np.float64), 0.0)
    total = positive.sum()
    return float(positive[area].sum() / total) if total > 0 else 0.0
