"""Diverging colour tables: that of maps with both signs, and Moreland's coolwarm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.records.images import Pixels

_Doubles: TypeAlias = "NDArray[np.float64]"

_COOL, _WARM = (59, 76, 192), (180, 4, 38)
_WHITE = (0.9504, 1.0, 1.0888)
_XYZ = (0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)
"""Linear sRGB to CIE XYZ under D65, whose white is _WHITE."""


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
    return _encoded(np.stack([long, medium, short], axis=-1) @ to_rgb.T)


def _encoded(linear: _Doubles) -> Pixels:
    """Linear light to 8-bit sRGB; what is outside 0 to 1 is clipped."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055
    )
    table: Pixels = np.rint(encoded * 255).astype(np.uint8)
    return table


def signed() -> Pixels:
    """Blue, near-black, orange: lightness and chroma grow equally on both sides of zero."""
    signed = np.linspace(-1.0, 1.0, 256)
    # Zero lies between entries 127 and 128, so that both sides have the same number of colours.
    magnitude = np.abs(signed)
    hue = np.where(signed < 0, np.radians(248.0), np.radians(56.0))
    lightness = 0.16 + 0.58 * magnitude
    # The largest chroma of sRGB's blue at the final lightness; both sides use the same.
    chroma = 0.132 * magnitude**0.75
    return _oklab_to_srgb(lightness, chroma * np.cos(hue), chroma * np.sin(hue))


def coolwarm() -> Pixels:
    """Moreland's diverging map (2009): from blue over a light grey to red, in his Msh space."""
    cool, warm = (_to_msh(np.array([end], np.float64) / 255)[0] for end in (_COOL, _WARM))
    middle = max(cool[0], warm[0], 88.0)
    half = np.linspace(0.0, 1.0, 256)[:, None] * 2
    white_left = np.array([middle, 0.0, _adjusted_hue(cool, middle)])
    white_right = np.array([middle, 0.0, _adjusted_hue(warm, middle)])
    left = cool + (white_left - cool) * half
    right = white_right + (warm - white_right) * (half - 1)
    return _from_msh(np.where(half <= 1, left, right))


def _adjusted_hue(end: _Doubles, middle: float) -> float:
    """The hue at the unsaturated side of an end, turned so that the change looks even."""
    size, saturation, hue = end
    if size >= middle:
        return float(hue)
    spin = saturation * math.sqrt(middle**2 - size**2) / (size * math.sin(saturation))
    return float(hue + spin if hue > -math.pi / 3 else hue - spin)


def _to_msh(srgb: _Doubles) -> _Doubles:
    """sRGB, 0 to 1 (n, 3), to Moreland's Msh: CIELAB in spherical coordinates."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    scaled = linear @ np.transpose(_XYZ) / np.array(_WHITE)
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    light = 116 * root[:, 1] - 16
    a, b = 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])
    size = np.sqrt(light**2 + a**2 + b**2)
    return np.stack([size, np.arccos(light / size), np.arctan2(b, a)], axis=1)


def _from_msh(msh: _Doubles) -> Pixels:
    size, saturation, hue = msh.T
    light = size * np.cos(saturation)
    a, b = (size * np.sin(saturation) * turn(hue) for turn in (np.cos, np.sin))
    y = (light + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=1)
    scaled = np.where(root > 0.206893, root**3, (root - 16 / 116) / 7.787)
    return _encoded(scaled * np.array(_WHITE) @ np.linalg.inv(np.transpose(_XYZ)))
