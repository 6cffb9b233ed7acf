"""Paints the overlay texts of the canvas: read-out, colour bar, messages, busy line.

Painted in viewport coordinates after the scene. Plates are dark and translucent in both themes,
because the image below may have any brightness: white on them has a contrast of 6 or more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from engine.methods.modifiers import value_title
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.render import overlay
from gui.toolkit import theme
from gui.toolkit.imaging import to_qimage
from gui.widgets.canvas.places import (
    BAR_HEIGHT,
    BUSY_HEIGHT,
    INSET,
    SMALLEST_BAR,
    busy_rect,
    legend_height,
    readout_columns,
    readout_rect,
)
from gui.widgets.canvas.words import Readout, scale_words

SPACE = theme.SPACE
_BAR_WIDTH = 48 * SPACE
_BLANK_OPACITY = 0.3

_PLATE = QColor(16, 16, 16, 176)
_INK = QColor(255, 255, 255)
_FAINT = QColor(255, 255, 255, 205)


class Hud:
    """Paints on the viewport; keeps no state except the font."""

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

    def readout(
        self,
        readout: Readout,
        size: tuple[int, int],
        grid: tuple[int, int] | None,
        raw: str = "",
    ) -> None:
        """Paint pixel, values and cell at the bottom left, in separate columns. raw: the longest
        value of a pixel."""
        rect = readout_rect(self._area.toRect(), self._font, size, grid, raw)
        self.plate(rect)
        texts = [(f"x {readout.x}", False), (f"y {readout.y}", False)]
        if raw:
            texts.append((readout.raw, True))
        if readout.value is not None and readout.cell is not None:
            row, column = readout.cell
            texts.append((overlay.number_text(readout.value), True))
            texts.append((f"row {row} col {column}", False))
        columns = readout_columns(self._small, size, grid, raw)
        left = rect.left() + 2 * SPACE
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for (text, is_value), width in zip(texts, columns, strict=False):
            cell = QRectF(left, rect.top(), width, rect.height())
            if is_value:
                self.text(cell, text, _INK, flags=right)
            else:
                self.text(cell, text, _FAINT)
            left += width + 3 * SPACE

    def levels(self, text: str) -> None:
        """Paint which values are black and white at the left, above the read-out."""
        metrics = QFontMetricsF(self._small)
        room = max(0.0, self._area.width() - 2 * INSET - 4 * SPACE)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        below = readout_rect(self._area.toRect(), self._font, (1, 1), None)
        width = metrics.horizontalAdvance(shown) + 4 * SPACE
        rect = QRectF(below.left(), below.top() - below.height() - SPACE, width, below.height())
        self.plate(rect)
        self.text(rect.adjusted(2 * SPACE, 0, 0, 0), shown, _FAINT)

    def color_bar(
        self,
        explanation: Explanation,
        settings: DisplaySettings,
        words: tuple[str, str] | None = None,
    ) -> None:
        """Paint the colour bar with its values at the bottom right.

        words: of what the values are, and what they say; None for the map's own. On a narrow canvas
        the text is above the colours instead of beside them.
        """
        metrics = QFontMetricsF(self._small)
        line = metrics.height()
        if words is None:
            words = value_title(explanation), scale_words(explanation, settings)
        head = max(metrics.horizontalAdvance(word) for word in words) + 4 * SPACE
        numbers = functools.partial(overlay.bar_marks, explanation, settings)
        ends = [metrics.horizontalAdvance(text) for _, text in numbers(1.0)]
        # Numbers are centred under their positions, so the outer ones extend beyond the bar.
        before, after = ends[0] / 2, ends[-1] / 2
        sides = before + after + 4 * SPACE
        room = self._area.width() - 2 * INSET - sides
        stacked = room - head < SMALLEST_BAR
        width = min(float(_BAR_WIDTH), max(SPACE, room if stacked else room - head))
        above = math.ceil(line) if stacked else 0
        rest = sides if stacked else sides + head
        plate = QRectF(0, 0, round(rest + width), legend_height(self._small) + above)
        plate.moveBottomRight(self._area.bottomRight() - QPointF(INSET, INSET))
        self.plate(plate)
        left = plate.left() + 2 * SPACE
        if stacked:
            self._words_above(
                QRectF(left, plate.top() + SPACE, plate.width() - 4 * SPACE, line), words
            )
        else:
            top = plate.center().y() - line
            self.text(QRectF(left, top, head, line), words[0])
            self.text(QRectF(left, top + line, head, line), words[1], _FAINT)
        start = round(plate.right() - 2 * SPACE - after - width)
        bar = QRectF(start, plate.top() + 2 * SPACE + above, width, BAR_HEIGHT)
        self._bar(bar, settings, blank=overlay.is_blank(explanation.map, settings))
        widest = max(*ends, metrics.horizontalAdvance("0.000"))
        self._marks(bar, numbers((widest + 2 * SPACE) / width), widest)

    def _words_above(self, place: QRectF, words: tuple[str, str]) -> None:
        """Paint what the values are in one line, as far as there is room."""
        metrics = QFontMetricsF(self._small)
        text = ", ".join(words)
        if metrics.horizontalAdvance(text) > place.width():
            # The toolbar names the method too.
            text = words[1]
        self.text(place, metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width()))

    def _marks(self, bar: QRectF, marks: Sequence[tuple[float, str]], widest: float) -> None:
        """Paint numbers under the bar. marks: (place from 0 to 1, text)."""
        line = QFontMetricsF(self._small).height()
        for place, text in marks:
            x = bar.left() + place * bar.width()
            self._painter.setPen(QPen(_FAINT, 1))
            self._painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + 3))
            under = QRectF(x - widest, bar.bottom() + 3, 2 * widest, line)
            self.text(under, text, flags=Qt.AlignmentFlag.AlignCenter)

    def _bar(self, bar: QRectF, settings: DisplaySettings, *, blank: bool) -> None:
        """Paint the colours, faintly for a map with nothing to show."""
        width, high = round(bar.width()), round(bar.height())
        self._painter.setOpacity(_BLANK_OPACITY if blank else 1.0)
        self._painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        ratio = self._painter.device().devicePixelRatio()
        size = max(1, round(width * ratio)), max(1, round(high * ratio))
        colors = overlay.bar_picture(settings, *size, round(bar.height() * ratio / 2))
        self._painter.drawImage(bar, to_qimage(colors))
        for place in overlay.contour_places(settings):
            x = bar.left() + place * bar.width()
            for color, thick in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255, 235), 1.3)):
                self._painter.setPen(QPen(color, thick))
                self._painter.drawLine(QPointF(x, bar.top()), QPointF(x, bar.bottom()))
        self._painter.setOpacity(1.0)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
        self._painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5))

    def message(self, title: str, detail: str, on_picture: bool) -> None:
        """Paint a centred title with dimmer text below it."""
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
        """Paint a frame around the canvas and, in its centre, what a drop would do."""
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
        self._accented(text, self._area.center())

    def prompt(self, text: str) -> None:
        """Paint what is to be chosen now, at the top."""
        centre = QPointF(self._area.center().x(), self._area.top() + INSET + 4.5 * SPACE)
        self._accented(text, centre)

    def _accented(self, text: str, centre: QPointF) -> None:
        tokens = theme.current()
        metrics = QFontMetricsF(self._font)
        shown = metrics.elidedText(
            text, Qt.TextElideMode.ElideMiddle, self._area.width() - 12 * SPACE
        )
        rect = QRectF(0, 0, round(metrics.horizontalAdvance(shown)) + 8 * SPACE, 9 * SPACE)
        rect.moveCenter(centre)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(tokens.accent))
        self._painter.drawRoundedRect(rect, SPACE, SPACE)
        centred = Qt.AlignmentFlag.AlignCenter
        self.text(rect, shown, QColor(tokens.accent_text), self._font, centred)

    def busy_line(self, phase: float) -> None:
        """Paint the busy line at the top edge; phase 0 to 1 is the position of its moving part."""
        accent = QColor(theme.current().accent)
        width = self._area.width()
        rail = QColor(accent)
        rail.setAlpha(60)
        self._painter.fillRect(busy_rect(self._area), rail)
        part = width * 0.25
        start = -part + (width + part) * phase
        self._painter.fillRect(QRectF(start, 0, part, BUSY_HEIGHT), accent)

    def cross(self, place: QPointF) -> None:
        """Paint a cross where the pointer is in another pane, visible on anything."""
        for color, width in ((QColor(0, 0, 0, 170), 3.0), (_INK, 1.0)):
            self._painter.setPen(QPen(color, width))
            for across, down in ((2 * SPACE, 0), (0, 2 * SPACE)):
                arm = QPointF(across, down)
                self._painter.drawLine(place - arm, place + arm)

    def focus_frame(self) -> None:
        """Paint the frame for keyboard focus."""
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.setPen(QPen(QColor(theme.current().accent), 2))
        self._painter.drawRect(self._area.adjusted(1, 1, -1, -1))
