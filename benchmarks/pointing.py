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


def hit(fine: Map, area: Area) -> float:
    """The share, 0 to 1, of the map's largest pixels that lie in the area.

    Mostly there is one largest pixel, and the share is 0 or 1. A map that is constant has them
    everywhere, and gets what chance gives: the area's share of the image. One without a positive
    value points nowhere: 0.
    """
    top = fine.max()
    if not top > 0:
        return 0.0
    return float(area[fine == top].mean())


def energy(fine: Map, area: Area) -> float:
    """The share, 0 to 1, of the sum of the map's positive part that lies in the area; 0 where
    nothing is positive."""
    positive = np.maximum(fine.astype(np.float64), 0.0)
    total = positive.sum()
    return float(positive[area].sum() / total) if total > 0 else 0.0
