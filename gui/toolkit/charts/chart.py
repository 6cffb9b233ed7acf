"""What all charts have in common: axes and values on hover.

Everything is painted by one function, for the screen, PNG and SVG alike.
"""

from __future__ import annotations

import math

from PySide6.QtCore import (
    QEvent,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)

from engine.render.ticks import number_text, ticks
from gui.toolkit import plain_text, theme
from gui.toolkit.charts.figure import Figure

SPACE = theme.SPACE
_SAVED = QSize(640, 360)


class Chart(Figure):
    """A chart with one or two axes of numbers. name: what it shows, which is its title; across, up:
    what the axes are."""

    def __init__(self, name: str, across: str, up: str) -> None:
        super().__init__(name, across, up)
        self._message = ""
        self._hover: float | None = None
        self.setMinimumSize(30 * SPACE, 18 * SPACE)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    # --- what subclasses know --------------------------------------------------------------------

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """((lowest, highest) across, (lowest, highest) up); None if there is nothing to draw."""
        raise NotImplementedError

    def draw(self, painter: QPainter, area: Area) -> None:
        """Draw the data."""
        raise NotImplementedError

    def words_at(self, x: float) -> str:
        """The values at a place of the axis across, '' for none."""
        raise NotImplementedError

    def set_message(self, text: str) -> None:
        """Show a text in place of the data; '' shows the data."""
        self._message = plain_text.paragraph(text)
        self._changed()

    def set_name(self, name: str) -> None:
        """Set the title."""
        self.name = name
        self.setAccessibleName(plain_text.line(name))

    def _changed(self) -> None:
        self._hover = None
        self.update()

    # --- copies and files ------------------------------------------------------------------------

    @property
    def is_filled(self) -> bool:
        return self.spans() is not None

    def saved_size(self) -> QSize:
        return _SAVED

    def paint_saved(self, painter: QPainter) -> None:
        self._paint(painter, QRect(QPoint(0, 0), _SAVED))

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        self._paint(painter, self.rect(), self._hover)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(theme.current().accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint(self, painter: QPainter, rect: QRect, hover: float | None = None) -> None:
        tokens = theme.current()
        painter.fillRect(rect, QColor(tokens.panel))
        painter.setFont(theme.tabular(theme.small(self.font())))
        metrics = QFontMetricsF(painter.font())
        line = math.ceil(metrics.height())
        head = QRectF(rect).adjusted(2 * SPACE, 0, -2 * SPACE, 0)
        head.setHeight(line + SPACE)
        spans = self.spans() if not self._message else None
        said = self.words_at(hover) if hover is not None and spans is not None else ""
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(tokens.text))
        text = metrics.elidedText(
            plain_text.line(said or self.name), Qt.TextElideMode.ElideRight, head.width()
        )
        painter.drawText(head, int(left), text)
        if spans is None:
            painter.setPen(QColor(tokens.text_dim))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(QRectF(rect).adjusted(8, line, -8, 0), flags, self._message)
            return
        area = Area(QRectF(rect), spans, metrics, line)
        self._paint_axes(painter, area)
        painter.save()
        painter.setClipRect(area.plot.adjusted(-1, -1, 1, 1))
        self.draw(painter, area)
        painter.restore()
        if hover is not None:
            painter.setPen(QPen(QColor(tokens.text_dim), 1, Qt.PenStyle.DotLine))
            x = area.x(hover)
            painter.drawLine(QPointF(x, area.plot.top()), QPointF(x, area.plot.bottom()))

    def _paint_axes(self, painter: QPainter, area: Area) -> None:
        tokens, plot = theme.current(), area.plot
        dim, faint = QColor(tokens.text_dim), QColor(tokens.border)
        for value in area.up:
            y = area.y(value)
            painter.setPen(QPen(faint, 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(dim)
            place = QRectF(0, y - area.line / 2, plot.left() - SPACE, area.line)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, int(right), number_text(value))
        for value in area.across:
            x = area.x(value)
            painter.setPen(dim)
            painter.drawLine(QPointF(x, plot.bottom()), QPointF(x, plot.bottom() + 3))
            place = QRectF(x - 100, plot.bottom() + 3, 200, area.line)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), number_text(value))
        painter.setPen(QPen(dim, 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        below = QRectF(plot.left(), plot.bottom() + 3 + area.line, plot.width(), area.line)
        if area.titled:
            painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), self.across)

    # --- pointer ---------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(event.position())

    def _point_at(self, place: QPointF) -> None:
        spans = self.spans() if not self._message else None
        metrics = QFontMetricsF(theme.tabular(theme.small(self.font())))
        line = math.ceil(metrics.height())
        before, self._hover = self._hover, None
        if spans is not None:
            area = Area(QRectF(self.rect()), spans, metrics, line)
            if area.plot.left() <= place.x() <= area.plot.right():
                self._hover = area.value(place.x())
        if self._hover != before:
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover = None
        self.update()

    @property
    def said(self) -> str:
        """The values under the pointer, as they are shown; '' for none."""
        return "" if self._hover is None else self.words_at(self._hover)


class Area:
    """Where values lie inside a chart. line: height of one. titled: whether there is room for the
    title of the axis across."""

    def __init__(
        self,
        rect: QRectF,
        spans: tuple[tuple[float, float], tuple[float, float]],
        metrics: QFontMetricsF,
        line: int,
    ) -> None:
        (self._left, self._right), (self._low, self._high) = spans
        self.line = line
        self.titled = rect.height() > 10 * line
        below = 3 + line * (2 if self.titled else 1) + SPACE
        height = rect.height() - line - 2 * SPACE - below
        self.up = ticks(self._low, self._high, max(2, min(5, int(height / (1.6 * line)))))
        wide = max((metrics.horizontalAdvance(number_text(n)) for n in self.up), default=0.0)
        left = rect.left() + wide + 3 * SPACE
        self.plot = QRectF(left, rect.top() + line + 2 * SPACE, 0, max(1.0, height))
        self.plot.setRight(max(left + 1, rect.right() - 4 * SPACE))
        self.across: tuple[float, ...] = ()
        for most in range(7, 0, -1):
            self.across = ticks(self._left, self._right, most)
            widths = [metrics.horizontalAdvance(number_text(n)) for n in self.across]
            if 1.4 * max(widths, default=0.0) * len(widths) < self.plot.width():
                break

    def x(self, value: float) -> float:
        return self.plot.left() + (value - self._left) / (self._right - self._left) * (
            self.plot.width()
        )

    def y(self, value: float) -> float:
        part = (value - self._low) / (self._high - self._low)
        return self.plot.bottom() - part * self.plot.height()

    def value(self, x: float) -> float:
        part = (x - self.plot.left()) / self.plot.width()
        return self._left + part * (self._right - self._left)
