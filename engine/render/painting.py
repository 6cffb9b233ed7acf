"""From values to colours: the colour table applied, and the map as a picture of its own."""

from __future__ import annotations

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import FloatMap
from engine.records.images import Pixels
from engine.render.colormaps import lookup_table
from engine.render.values import is_blank, normalised, placed, sampled, strength

_WHOLE = (0.0, 0.0, 1.0, 1.0)


def painted(values: FloatMap, settings: DisplaySettings) -> Pixels:
    """The colours of normalised values: uint8 (rows, columns, 3)."""
    index = _levels(placed(values, settings), 255.0)
    table = np.ascontiguousarray(table_for(settings)).reshape(256, 1, 3)
    colors: Pixels = cv2.applyColorMap(index, table)
    return colors


def table_for(settings: DisplaySettings) -> Pixels:
    """The colour table for these settings: the diverging one if both signs are shown."""
    return lookup_table("signed" if settings.sign == "signed" else settings.colormap)


def opacities(values: FloatMap, settings: DisplaySettings) -> FloatMap:
    """The opacity of normalised values, 0 to 1: as the settings say, times their strength if the
    map fades out."""
    opacity = np.float32(min(max(settings.opacity, 0.0), 1.0))
    if not settings.fade:
        return np.full_like(values, opacity)
    return strength(values, settings) * opacity


def colorize(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float] = _WHOLE,
    share: float = 1.0,
) -> Pixels:
    """The map as colours, filling an image of size (width, height): uint8 (height, width, 3), RGB.

    part: the part of the map, as fractions (left, top, right, bottom). share: as share_of says of
    its explanation. An image of the whole map with fewer pixels than cells shows their means.
    Opacity is not used here.
    """
    return painted(_resampled(map, settings, size, part, share), settings)


def layer(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float] = _WHOLE,
    share: float = 1.0,
) -> Pixels:
    """Like colorize, with the opacity of every pixel: uint8 (height, width, 4), straight alpha.

    A map with nothing to show is clear.
    """
    values = _resampled(map, settings, size, part, share)
    result: Pixels = cv2.cvtColor(painted(values, settings), cv2.COLOR_RGB2RGBA)
    shown = 0.0 if is_blank(map, settings) else 255.0
    cv2.insertChannel(_levels(opacities(values, settings), shown), result, 3)
    return result


def _levels(shares: FloatMap, most: float) -> Pixels:
    """Shares from 0 to 1 as whole numbers up to most: uint8, in the shape of the shares."""
    scaled = shares * np.float32(most)
    levels: Pixels = np.rint(scaled, out=scaled).astype(np.uint8)
    return levels


def _resampled(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float],
    share: float,
) -> FloatMap:
    """Normalised values at the centres of an image's pixels."""
    width, height = size
    rows, columns = map.shape
    left, top, right, bottom = part
    values = normalised(map, settings, share)
    if part == _WHOLE and width <= columns and height <= rows:
        if (height, width) != (rows, columns):
            values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
        return values
    u = (left + (np.arange(width) + 0.5) / width * (right - left)) * columns
    v = (top + (np.arange(height) + 0.5) / height * (bottom - top)) * rows
    return sampled(values, u, v, settings.interpolation)
