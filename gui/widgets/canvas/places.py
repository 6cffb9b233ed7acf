"""The layout of the canvas texts: positions and sizes, computed from font and canvas size.

Unless stated otherwise, font is the small font of the texts.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF

from gui.toolkit import theme
from gui.widgets.canvas.words import Caption

SPACE = theme.SPACE
INSET = 2 * SPACE
BAR_HEIGHT = 2 * SPACE
SMALLEST_BAR = 16 * SPACE
BUSY_HEIGHT = 2
_LEAST_LEGEND = 10 * SPACE
_NARROW = 164 * SPACE
_LONGEST_HEAD = "against the class, gamma 0.000"


def legend_band(font: QFont) -> int:
    """Height that a fitted image leaves free at the bottom for the colour bar. font: of the
    canvas."""
    return legend_height(theme.small(font)) + 2 * INSET


def legend_height(font: QFont) -> int:
    """Height of the colour bar plate: two lines of text, or colours and numbers."""
    line = math.ceil(QFontMetricsF(font).height())
    return max(_LEAST_LEGEND, 2 * line + 2 * SPACE, 3 * SPACE + BAR_HEIGHT + line)


def plate_height(font: QFont) -> int:
    """Height of a plate with one line of text."""
    return max(6 * SPACE, math.ceil(QFontMetricsF(font).height()) + SPACE)


def busy_rect(area: QRectF) -> QRectF:
    """The area of the busy line."""
    return QRectF(0, 0, area.width(), BUSY_HEIGHT)


def readout_rect(
    area: QRect, font: QFont, size: tuple[int, int], grid: tuple[int, int] | None, raw: str = ""
) -> QRectF:
    """The area of the read-out, wide enough for every pixel of an image of this size.

    area: the viewport. font: of the canvas. grid: rows and columns of the map, None to show the
    pixel only. raw: the longest value of a pixel, '' to show none.
    """
    small = theme.tabular(theme.small(font))
    widths = readout_columns(small, size, grid, raw)
    width = sum(widths) + (len(widths) - 1) * 3 * SPACE + 4 * SPACE
    lift = 0
    if area.width() < _NARROW:
        # The colour bar needs the whole width below.
        lift = legend_height(small) + SPACE
        metrics = QFontMetricsF(small)
        # Its text may be in a line above it, if the longest text leaves no room beside it.
        if area.width() < metrics.horizontalAdvance(_LONGEST_HEAD) + SMALLEST_BAR + 16 * SPACE:
            lift += math.ceil(metrics.height())
    high = plate_height(small)
    bottom = area.top() + area.height() - INSET - lift
    return QRectF(area.left() + INSET, bottom - high, width, high)


def readout_columns(
    font: QFont, size: tuple[int, int], grid: tuple[int, int] | None, raw: str = ""
) -> list[float]:
    """The column widths of the read-out: x, y, the pixel's value if there is one, map and cell."""
    digits = "0" * len(str(max(size)))
    samples = [f"x {digits}", f"y {digits}"]
    if raw:
        samples.append(raw)
    if grid is not None:
        samples += ["−0.0000", f"row {'0' * len(str(grid[0]))} col {'0' * len(str(grid[1]))}"]
    metrics = QFontMetricsF(font)
    return [metrics.horizontalAdvance(sample) for sample in samples]


_MOST_NUMBER = 1 / 3
"""The part of a caption that a number may take where there is not room for all."""


def fitted_caption(caption: Caption, metrics: QFontMetricsF, room: float) -> str:
    """The caption line, with layer and class elided in the middle, so that both remain visible.

    A number in many words goes before any of the two is shortened.
    """
    names = (caption.layer, caption.label)
    widths = [metrics.horizontalAdvance(name) for name in names]
    number = caption.percent
    free = room - metrics.horizontalAdvance(f"  ·    {number}")
    if sum(widths) > free and metrics.horizontalAdvance(number) > _MOST_NUMBER * room:
        number = ""
        free = room - metrics.horizontalAdvance("  ·  ")
    if sum(widths) > free:
        # A short name leaves the rest of its half to the other name.
        half = max(0.0, free / 2)
        first = min(widths[0], max(half, free - widths[1]))
        limits = (first, max(0.0, free - first))
        names = (
            metrics.elidedText(names[0], Qt.TextElideMode.ElideMiddle, limits[0]),
            metrics.elidedText(names[1], Qt.TextElideMode.ElideMiddle, limits[1]),
        )
    # Some maps have no layer.
    line = "  ·  ".join(name for name in names if name)
    return f"{line}  {number}" if number else line
