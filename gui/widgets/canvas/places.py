"""Where on the canvas things are written, and how large: all from the font and the canvas.

Unless said otherwise, font is the small one that the writing is in.
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
    """Height at the bottom of the canvas that a fitted picture leaves to the colour bar. font: the
    canvas's own."""
    return legend_height(theme.small(font)) + 2 * INSET


def legend_height(font: QFont) -> int:
    """Height of the colour bar's plate in a (small) font: two lines, or colours and numbers."""
    line = math.ceil(QFontMetricsF(font).height())
    return max(_LEAST_LEGEND, 2 * line + 2 * SPACE, 3 * SPACE + BAR_HEIGHT + line)


def plate_height(font: QFont) -> int:
    """Height of a plate with one line in a (small) font."""
    return max(6 * SPACE, math.ceil(QFontMetricsF(font).height()) + SPACE)


def busy_rect(area: QRectF) -> QRectF:
    """The strip that the busy line lives in."""
    return QRectF(0, 0, area.width(), BUSY_HEIGHT)


def readout_rect(
    area: QRect, font: QFont, size: tuple[int, int], grid: tuple[int, int] | None
) -> QRectF:
    """Where the read-out is painted: wide enough for every pixel of an image of this size.

    area: the viewport. font: the canvas's own. grid: rows and columns of the map, None to show the
    pixel only.
    """
    small = theme.tabular(theme.small(font))
    widths = readout_columns(small, size, grid)
    width = sum(widths) + (len(widths) - 1) * 3 * SPACE + 4 * SPACE
    lift = 0
    if area.width() < _NARROW:
        # The colour bar needs the whole width below.
        lift = legend_height(small) + SPACE
        metrics = QFontMetricsF(small)
        # It may have its words in a line above it, where the longest leave no room beside it.
        if area.width() < metrics.horizontalAdvance(_LONGEST_HEAD) + SMALLEST_BAR + 16 * SPACE:
            lift += math.ceil(metrics.height())
    high = plate_height(small)
    bottom = area.top() + area.height() - INSET - lift
    return QRectF(area.left() + INSET, bottom - high, width, high)


def readout_columns(
    font: QFont, size: tuple[int, int], grid: tuple[int, int] | None
) -> list[float]:
    """Widths of the read-out's columns."""
    digits = "0" * len(str(max(size)))
    samples = [f"x {digits}", f"y {digits}"]
    if grid is not None:
        samples += ["−0.0000", f"row {'0' * len(str(grid[0]))} col {'0' * len(str(grid[1]))}"]
    metrics = QFontMetricsF(font)
    return [metrics.horizontalAdvance(sample) for sample in samples]


def fitted_caption(caption: Caption, metrics: QFontMetricsF, room: float) -> str:
    """The caption's line, layer and class each shortened in its middle, so that both are there."""
    names = (caption.layer, caption.label)
    widths = [metrics.horizontalAdvance(name) for name in names]
    free = room - metrics.horizontalAdvance(f"  ·    {caption.percent}")
    if sum(widths) > free:
        # A short name leaves the rest of its half to the other.
        half = max(0.0, free / 2)
        first = min(widths[0], max(half, free - widths[1]))
        limits = (first, max(0.0, free - first))
        names = (
            metrics.elidedText(names[0], Qt.TextElideMode.ElideMiddle, limits[0]),
            metrics.elidedText(names[1], Qt.TextElideMode.ElideMiddle, limits[1]),
        )
    return f"{names[0]}  ·  {names[1]}  {caption.percent}"
