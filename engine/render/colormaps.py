"""Colour tables for heat maps: OpenCV's, and a diverging one computed here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.records.images import Pixels

_Doubles: TypeAlias = "NDArray[np.float64]"

COLORMAPS: tuple[str, ...] = ("inferno", "viridis", "cividis", "turbo", "jet")
"""Names for DisplaySettings.colormap, the default first."""

LEGACY: frozenset[str] = frozenset({"turbo", "jet"})
"""Colour maps whose lightness decreases at the top, so that the strongest is not the brightest."""


def _oklab_to_srgb(lightness: _Doubles, a: _Doubles, b: _Doubles) -> Pixels:
    """Oklab (Ottosson 2020) to 8-bit sRGB; colours outside the gamut are clipped."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(np.stack([long, medium, short], axis=-1) @ to_rgb.T, 0.0, 1.0)
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055
    )
    table: Pixels = np.rint(encoded * 255).astype(np.uint8)
    return table


def _diverging() -> Pixels:
    """Blue, near-black, orange: lightness and chroma grow equally on both sides of zero."""
    signed = np.linspace(-1.0, 1.0, 256)
    # Zero lies between entries 127 and 128, so that both sides have the same number of colours.
    magnitude = np.abs(signed)
    hue = np.where(signed < 0, np.radians(248.0), np.radians(56.0))
    lightness = 0.16 + 0.58 * magnitude
    # The largest chroma of sRGB's blue at the final lightness; both sides use the same.
    chroma = 0.132 * magnitude**0.75
    return _oklab_to_srgb(lightness, chroma * np.cos(hue), chroma * np.sin(hue))


@lru_cache(maxsize=16)
def _table(name: str) -> Pixels:
    if name == "signed":
        table = _diverging()
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
