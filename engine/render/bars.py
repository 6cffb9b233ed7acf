"""The colour bar: its colours, the numbers beside it, and where contour lines lie on it.

A bar shows what is seen: where the map fades out, so does the bar, over a neutral grey, because the
image below differs from place to place. The opacity at the scale's end is not applied: the end has
its pure colour.
"""

from __future__ import annotations

from engine.lazy.numpy import np
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import Pixels
from engine.render.painting import painted
from engine.render.ticks import marks
from engine.render.values import finite, share_of, strength, value_range

_GREY = 128
_CHECKS = (104, 152)
"""Greys of the squares that stand for what is below a map; _GREY is their mean."""


def bar_marks(
    explanation: Explanation, settings: DisplaySettings, spacing: float
) -> tuple[tuple[float, str], ...]:
    """The numbers beside the colour bar, as marks gives them.

    An end that larger values go beyond says so: '\u2265 0.83', or '\u2264 \u22120.83'.
    """
    low, high = value_range(explanation.map, settings, share_of(explanation))
    values = finite(explanation.map)
    least, most = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    found = [*marks(low, high, spacing)]
    if low < 0.0 and least < low:
        found[0] = found[0][0], f"\u2264 {found[0][1]}"
    if high > 0.0 and most > high:
        found[-1] = found[-1][0], f"\u2265 {found[-1][1]}"
    if high < 0.0 and least < high:
        found[-1] = found[-1][0], f"\u2264 {found[-1][1]}"
    return tuple(found)


def contour_places(settings: DisplaySettings) -> tuple[float, ...]:
    """Where contour lines lie on the bar, in ascending order, with 0 at its low end and 1 at its
    high end."""
    if settings.sign != "signed":
        return tuple(sorted(settings.contours))
    return tuple(sorted(0.5 + side * level / 2 for level in settings.contours for side in (-1, 1)))


def bar_colors(settings: DisplaySettings, length: int) -> Pixels:
    """Colours of a colour bar that is linear in the map's value: uint8 (length, 3), low to high."""
    colors: Pixels = _over(settings, np.full((1, length), _GREY, np.uint8))[0]
    return colors


def bar_picture(settings: DisplaySettings, length: int, height: int, square: int) -> Pixels:
    """The bar as uint8 (height, length, 3), low to high; where it fades out, squares show through.

    square: side of a square in pixels.
    """
    rows, columns = np.indices((height, length)) // max(1, square)
    return _over(settings, np.where((rows + columns) % 2, *_CHECKS).astype(np.uint8))


def _over(settings: DisplaySettings, below: Pixels) -> Pixels:
    """The bar over grey pixels, uint8 (height, length)."""
    low = -1.0 if settings.sign == "signed" else 0.0
    ramp = np.linspace(low, 1.0, below.shape[1], dtype=np.float32)[None, :]
    colors = painted(ramp, settings).astype(np.float32)
    if not settings.fade:
        return np.broadcast_to(colors.astype(np.uint8), (*below.shape, 3)).copy()
    part = strength(ramp, settings)[:, :, None]
    mixed: Pixels = np.rint(colors * part + below[:, :, None] * (1.0 - part)).astype(np.uint8)
    return mixed
