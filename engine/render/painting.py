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
    return _colored(_levels(values, settings), settings)


def table_for(settings: DisplaySettings) -> Pixels:
    """The colour table for these settings: the diverging one if both signs are shown."""
    return lookup_table("signed" if settings.sign == "signed" else settings.colormap)


def opacities(values: FloatMap, settings: DisplaySettings) -> FloatMap:
    """The opacity of normalised values, 0 to 1: as the settings say, times their strength if the
    map fades out."""
    return _faded(strength(values, settings), settings)


def colorize(map: FloatMap, settings: DisplaySettings, size: tuple[int, int]) -> Pixels:
    """The map as colours, filling an image of size (width, height): uint8 (height, width, 3), RGB.

    An image with fewer pixels than cells shows their means. Opacity is not used here.
    """
    return painted(_resampled(map, settings, size), settings)


def layer(map: FloatMap, settings: DisplaySettings, size: tuple[int, int]) -> Pixels:
    """Like colorize, with the opacity of every pixel: uint8 (height, width, 4), straight alpha.

    A map with nothing to show is clear.
    """
    levels, table = indexed_layer(map, settings, size)
    result: Pixels = cv2.cvtColor(_colored(levels, settings), cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(cv2.LUT(levels, np.ascontiguousarray(table[:, 3])), result, 3)
    return result


def indexed_layer(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float] = _WHOLE,
    share: float = 1.0,
) -> tuple[Pixels, Pixels]:
    """The same as places on a table: uint8 (height, width), and uint8 (256, 4), straight alpha.

    part: the part of the map, as fractions (left, top, right, bottom). share: as share_of says of
    its explanation. A window that paints while a network computes has this in a tenth of the time:
    most of the rest is fresh memory.
    """
    levels = _levels(_resampled(map, settings, size, part, share), settings)
    alpha = np.zeros(256, np.float32)
    if not is_blank(map, settings):
        alpha = np.float32(255.0) * _faded(_strength_of_places(settings), settings)
    return levels, np.column_stack([table_for(settings), np.rint(alpha).astype(np.uint8)])


def _strength_of_places(settings: DisplaySettings) -> FloatMap:
    """The strength of each place on a colour table, (256,); zero is at both in the middle where
    both signs are shown."""
    places = np.arange(256, dtype=np.float32)
    if settings.sign != "signed":
        return places / np.float32(255.0)
    far: FloatMap = (np.abs(places - np.float32(127.5)) - np.float32(0.5)) / np.float32(127.0)
    return far


def _faded(far: FloatMap, settings: DisplaySettings) -> FloatMap:
    opacity = np.float32(min(max(settings.opacity, 0.0), 1.0))
    return far * opacity if settings.fade else np.full_like(far, opacity)


def _colored(levels: Pixels, settings: DisplaySettings) -> Pixels:
    table = np.ascontiguousarray(table_for(settings)).reshape(256, 1, 3)
    colors: Pixels = cv2.applyColorMap(levels, table)
    return colors


def _levels(values: FloatMap, settings: DisplaySettings) -> Pixels:
    """Places of normalised values on the colour table: uint8, in the shape of the values."""
    levels: Pixels = cv2.convertScaleAbs(placed(values, settings), alpha=255.0)
    return levels


def _resampled(
    map: FloatMap,
    settings: DisplaySettings,
    size: tuple[int, int],
    part: tuple[float, float, float, float] = _WHOLE,
    share: float = 1.0,
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
    if part == _WHOLE and settings.interpolation == "smooth":
        between: FloatMap = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
        return between
    u = (left + (np.arange(width) + 0.5) / width * (right - left)) * columns
    v = (top + (np.arange(height) + 0.5) / height * (bottom - top)) * rows
    return sampled(values, u, v, settings.interpolation)
