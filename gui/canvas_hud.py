"""What is written over the picture: read-out, colour bar, caption, notices, busy line.

Painted in the viewport's own coordinates after the scene. Plates are dark and translucent in both
looks, since they lie on a picture of any brightness: white on them has a contrast of 6 or more.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from engine import overlay
from engine.records import DisplaySettings, Explanation
from gui import theme
from gui.canvas_words import Readout, method_name, scale_words
from gui.imaging import to_qimage

SPACE = theme.SPACE
INSET = 2 * SPACE
_BAR_WIDTH = 48 * SPACE
_BAR_HEIGHT = 2 * SPACE
_SMALLEST_BAR = 16 * SPACE
_LEGEND = 10 * SPACE
_BUSY_HEIGHT = 2
_NARROW = 164 * SPACE
_BLANK_OPACITY = 0.3

_PLATE = QColor(16, 16, 16, 176)
_INK = QColor(255, 255, 255)
_FAINT = QColor(255, 255, 255, 205)


class Hud:
    """Paints on the viewport; keeps no state of its own but the font."""

    def __init__(self, painter: QPainter, area: QRect, font: QFont) -> None:
        self._painter = painter
        self._area = QRectF(area)
        self._font = theme.tabular(font)
        self._small = theme.tabular(theme.small(font))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)

    def plate(self, rect: QRectF) -> None:
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(_PLATE)
        self._painter.drawRoundedRect(rect, SPACE, SPACE)

    def text(
        self,
        rect: QRectF,
        text: str,
        color: QColor = _INK,
        font: QFont | None = None,
        flags: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
    ) -> None:
        self._painter.setFont(font or self._small)
        self._painter.setPen(color)
        self._painter.drawText(rect, int(flags | Qt.TextFlag.TextSingleLine), text)

    def caption(self, text: str) -> float:
        """Top left, elided in the middle. Returns its lower edge."""
        metrics = QFontMetricsF(self._small)
        room = self._area.width() - 2 * INSET - 4 * SPACE
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, max(0.0, room))
        width = metrics.horizontalAdvance(shown) + 4 * SPACE
        rect = QRectF(INSET, INSET, width, 6 * SPACE)
        self.plate(rect)
        self.text(rect.adjusted(2 * SPACE, 0, 0, 0), shown)
        return rect.bottom()

    def notice(self, text: str, top: float) -> None:
        """One or more lines, centred below top."""
        metrics = QFontMetricsF(self._small)
        room = min(self._area.width() - 2 * INSET - 6 * SPACE, 148.0 * SPACE)
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        bounds = metrics.boundingRect(QRectF(0, 0, room, 1000), flags, text)
        rect = QRectF(0, top + SPACE, bounds.width() + 6 * SPACE, bounds.height() + 4 * SPACE)
        rect.moveLeft(round(self._area.center().x() - rect.width() / 2))
        self.plate(rect)
        self._painter.setFont(self._small)
        self._painter.setPen(_INK)
        self._painter.drawText(rect.adjusted(2 * SPACE, 0, -2 * SPACE, 0), flags, text)

    def readout(
        self, readout: Readout, size: tuple[int, int], grid: tuple[int, int] | None
    ) -> None:
        """Bottom left: pixel, value and cell, each in a column of its own."""
        rect = readout_rect(self._area.toRect(), self._font, size, grid)
        self.plate(rect)
        texts = [f"x {readout.x}", f"y {readout.y}"]
        if readout.value is not None and readout.cell is not None:
            row, column = readout.cell
            texts += [overlay.number_text(readout.value), f"row {row} col {column}"]
        columns = _readout_columns(self._small, size, grid)
        left = rect.left() + 2 * SPACE
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for index, (text, width) in enumerate(zip(texts, columns, strict=False)):
            cell = QRectF(left, rect.top(), width, rect.height())
            color = _INK if index == 2 else _FAINT
            if index == 2:
                self.text(cell, text, color, flags=right)
            else:
                self.text(cell, text, color)
            left += width + 3 * SPACE

    def color_bar(self, explanation: Explanation, settings: DisplaySettings) -> None:
        """Bottom right: the colours with the map values that they stand for."""
        low, high = overlay.value_range(explanation.map, settings)
        metrics = QFontMetricsF(self._small)
        line = metrics.height()
        words = (f"{method_name(explanation.method)} value", scale_words(settings))
        head = max(metrics.horizontalAdvance(word) for word in words)
        ends = [metrics.horizontalAdvance(text) for _, text in overlay.marks(low, high, 1.0)]
        # Numbers stand under their places, so the outer ones reach past the ends of the bar.
        before, after = ends[0] / 2, ends[-1] / 2
        rest = head + before + after + 8 * SPACE
        width = min(float(_BAR_WIDTH), self._area.width() - 2 * INSET - rest)
        if width < _SMALLEST_BAR:
            return
        plate = QRectF(0, 0, round(rest + width), _LEGEND)
        plate.moveBottomRight(self._area.bottomRight() - QPointF(INSET, INSET))
        self.plate(plate)
        left, top = plate.left() + 2 * SPACE, plate.center().y() - line
        self.text(QRectF(left, top, head + 1, line), words[0])
        self.text(QRectF(left, top + line, head + 1, line), words[1], _FAINT)
        bar = QRectF(
            round(left + head + 4 * SPACE + before), plate.top() + 2 * SPACE, width, _BAR_HEIGHT
        )
        self._bar(bar, settings, blank=low == high)
        widest = max(*ends, metrics.horizontalAdvance("0.000"))
        for place, text in overlay.marks(low, high, (widest + 2 * SPACE) / width):
            x = bar.left() + place * width
            self._painter.setPen(QPen(_FAINT, 1))
            self._painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + 3))
            under = QRectF(x - widest, bar.bottom() + 3, 2 * widest, line)
            self.text(under, text, flags=Qt.AlignmentFlag.AlignCenter)

    def _bar(self, bar: QRectF, settings: DisplaySettings, *, blank: bool) -> None:
        """The colours themselves; of a map with nothing to show they are only hinted at."""
        colors = overlay.bar_colors(settings, 256)
        self._painter.setOpacity(_BLANK_OPACITY if blank else 1.0)
        self._painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        self._painter.drawImage(bar, to_qimage(colors.reshape(1, 256, 3)))
        self._painter.setOpacity(1.0)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
        self._painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5))

    def message(self, title: str, detail: str, on_picture: bool) -> None:
        """Centred: a line, and below it some quieter ones."""
        tokens = theme.current()
        head = QFont(self._font)
        if head.pointSizeF() > 0:
            head.setPointSizeF(head.pointSizeF() * 1.25)
        else:
            head.setPixelSize(round(head.pixelSize() * 1.25))
        width = min(self._area.width() - 8 * SPACE, 105.0 * SPACE)
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        room = QRectF(0, 0, width, 4000)
        above = QFontMetricsF(head).boundingRect(room, flags, title)
        below = QFontMetricsF(self._font).boundingRect(room, flags, detail) if detail else QRectF()
        gap = 2 * SPACE if detail else 0
        height = above.height() + gap + below.height()
        top = round(self._area.center().y() - height / 2)
        left = round(self._area.center().x() - width / 2)
        if on_picture:
            wide = max(above.width(), below.width()) + 8 * SPACE
            middle = self._area.center().x()
            self.plate(QRectF(middle - wide / 2, top - 4 * SPACE, wide, height + 8 * SPACE))
        ink, faint = (
            (_INK, _FAINT) if on_picture else (QColor(tokens.text), QColor(tokens.text_dim))
        )
        self._painter.setFont(head)
        self._painter.setPen(ink)
        self._painter.drawText(QRectF(left, top, width, above.height() + 1), flags, title)
        self._painter.setFont(self._font)
        self._painter.setPen(faint)
        rest = QRectF(left, top + above.height() + gap, width, below.height() + 1)
        self._painter.drawText(rest, flags, detail)

    def drop_hint(self, text: str) -> None:
        """A frame round everything and a sentence in its middle: what a drop would do."""
        tokens = theme.current()
        accent = QColor(tokens.accent)
        veil = QColor(tokens.canvas)
        veil.setAlpha(150)
        self._painter.fillRect(self._area, veil)
        self._painter.setPen(QPen(accent, 2))
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        inset = INSET + 1
        self._painter.drawRoundedRect(
            self._area.adjusted(inset, inset, -inset, -inset), INSET, INSET
        )
        metrics = QFontMetricsF(self._font)
        shown = metrics.elidedText(
            text, Qt.TextElideMode.ElideMiddle, self._area.width() - 12 * SPACE
        )
        rect = QRectF(0, 0, round(metrics.horizontalAdvance(shown)) + 8 * SPACE, 9 * SPACE)
        rect.moveCenter(self._area.center())
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(accent)
        self._painter.drawRoundedRect(rect, SPACE, SPACE)
        centred = Qt.AlignmentFlag.AlignCenter
        self.text(rect, shown, QColor(tokens.accent_text), self._font, centred)

    def busy_line(self, phase: float) -> None:
        """At the top edge; phase 0 to 1 is where the moving part is on its way."""
        accent = QColor(theme.current().accent)
        width = self._area.width()
        rail = QColor(accent)
        rail.setAlpha(60)
        self._painter.fillRect(busy_rect(self._area), rail)
        part = width * 0.25
        start = -part + (width + part) * phase
        self._painter.fillRect(QRectF(start, 0, part, _BUSY_HEIGHT), accent)

    def focus_frame(self) -> None:
        """Shown when the keyboard brought the focus here."""
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.setPen(QPen(QColor(theme.current().accent), 2))
        self._painter.drawRect(self._area.adjusted(1, 1, -1, -1))


LEGEND_BAND = _LEGEND + 2 * INSET
"""Height at the bottom of the canvas that a fitted picture leaves to the colour bar."""


def busy_rect(area: QRectF) -> QRectF:
    """The strip that the busy line lives in."""
    return QRectF(0, 0, area.width(), _BUSY_HEIGHT)


def readout_rect(
    area: QRect, font: QFont, size: tuple[int, int], grid: tuple[int, int] | None
) -> QRectF:
    """Where the read-out is painted: wide enough for every pixel of an image of this size.

    area: the viewport. grid: rows and columns of the map, None to show the pixel only.
    """
    widths = _readout_columns(theme.tabular(theme.small(font)), size, grid)
    width = sum(widths) + (len(widths) - 1) * 3 * SPACE + 4 * SPACE
    # On a narrow canvas the colour bar needs the whole width below.
    lift = _LEGEND + SPACE if area.width() < _NARROW else 0
    bottom = area.top() + area.height() - INSET - lift
    return QRectF(area.left() + INSET, bottom - 6 * SPACE, width, 6 * SPACE)


def _readout_columns(
    font: QFont, size: tuple[int, int], grid: tuple[int, int] | None
) -> list[float]:
    digits = "0" * len(str(max(size)))
    samples = [f"x {digits}", f"y {digits}"]
    if grid is not None:
        samples += ["−0.0000", f"row {'0' * len(str(grid[0]))} col {'0' * len(str(grid[1]))}"]
    metrics = QFontMetricsF(font)
    return [metrics.horizontalAdvance(sample) for sample in samples]
