"""Colour tables for heat maps: OpenCV's, and two diverging ones computed here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.render import diverging

if TYPE_CHECKING:
    from engine.records.images import Pixels

COLORMAPS: tuple[str, ...] = ("inferno", "viridis", "cividis", "turbo", "jet", "coolwarm")
"""Names for DisplaySettings.colormap, the default first."""

LEGACY: frozenset[str] = frozenset({"turbo", "jet", "coolwarm"})
"""Colour maps whose lightness decreases at the top, so that the strongest is not the brightest."""


@lru_cache(maxsize=16)
def _table(name: str) -> Pixels:
    if name == "signed":
        table = diverging.signed()
    elif name == "coolwarm":
        table = diverging.coolwarm()
    else:
        ramp = np.arange(256, dtype=np.uint8).reshape(256, 1)
        bgr = cv2.applyColorMap(ramp, getattr(cv2, f"COLORMAP_{name.upper()}"))
        table = np.ascontiguousarray(bgr.reshape(256, 3)[:, ::-1])
    table.setflags(write=False)
    return table


def lookup_table(name: str) -> Pixels:
    """The colours of a map from lowest to highest: uint8 (256, 3), RGB, read-only.

    name: one of COLORMAPS, or 'signed' for the diverging map. Raises ValueError for others.
    """
    if name != "signed" and name not in COLORMAPS:
        raise ValueError(f"unknown colour map {name!r}; choose from {', '.join(COLORMAPS)}")
    return _table(name)
