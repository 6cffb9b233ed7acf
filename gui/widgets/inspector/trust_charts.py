"""The charts of the page Trust: lines of one figure over each other, and bars with names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from engine.records.workbench.trust import Curve, measured, percent
from engine.render.ticks import number_text
from gui.toolkit import plain_text, theme
from gui.toolkit.charts.chart import SPACE, Area, Chart

_OWN, _OTHERS = 2.0, 1.0
_BAR = 2.0 * SPACE


class Lines(Chart):
    """Curves over the same places: the first is the map's own, the others are paler."""

    def __init__(self) -> None:
        super().__init__("", "", "")
        self.curves: tuple[Curve, ...] = ()

    def set_curves(self, name: str, across: str, curves: Sequence[Curve]) -> None:
        """Show curves of one axis. name: the title; across: what x is."""
        self.set_name(name)
        self.across, self.up = across, curves[0].axis if curves else ""
        self.curves = tuple(curves)
        self.set_message("")

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        values = [y for curve in self.curves for y in curve.y]
        if not values:
            return None
        low, high = min(0.0, *values), max(0.0, *values)
        places = [x for curve in self.curves for x in curve.x]
        return (min(places), max(places)), (low, high if high > low else low + 1.0)

    def _paint_axes(self, painter: QPainter, area: Area) -> None:
        """Names in place of numbers, where the places have some."""
        ticks = self.curves[0].ticks
        if ticks:
            area.across = ()
        super()._paint_axes(painter, area)
        metrics = QFontMetricsF(painter.font())
        top, room = area.plot.bottom() + 3, area.plot.width() / max(1, len(ticks) - 1) - SPACE
        for x, name in zip(self.curves[0].x, ticks, strict=False):
            said = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            wide = metrics.horizontalAdvance(said)
            left = min(max(area.x(x) - wide / 2, area.plot.left()), area.plot.right() - wide)
            painter.drawText(QRectF(left, top, wide + 1, area.line), said)

    def draw(self, painter: QPainter, area: Area) -> None:
        tokens = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.text_dim), 1))
        painter.drawLine(
            QPointF(area.plot.left(), area.y(0.0)), QPointF(area.plot.right(), area.y(0.0))
        )
        for place, curve in reversed(list(enumerate(self.curves))):
            color, wide = (tokens.text_dim, _OTHERS) if place else (tokens.accent, _OWN)
            # Told apart without colour as well.
            style = Qt.PenStyle.SolidLine if place == 0 else Qt.PenStyle.DashLine
            painter.setPen(QPen(QColor(color), wide, style))
            points = [QPointF(area.x(x), area.y(y)) for x, y in zip(curve.x, curve.y, strict=True)]
            painter.drawPolyline(QPolygonF(points))
        self._draw_legend(painter, area)

    def _draw_legend(self, painter: QPainter, area: Area) -> None:
        """The map's own line, and what the others are, in the corner where fewest lines are."""
        if len(self.curves) < 2:
            return
        tokens, metrics = theme.current(), QFontMetricsF(painter.font())
        others = self.curves[1].label if len(self.curves) == 2 else _common(self.curves[1:])
        entries = ((self.curves[0].label, tokens.accent, _OWN), (others, tokens.text_dim, _OTHERS))
        wide = max(metrics.horizontalAdvance(text) for text, *_ in entries) + 8 * SPACE
        box = self._free_corner(area, wide, 2.0 * area.line + SPACE)
        ground = QColor(tokens.panel)
        ground.setAlpha(210)
        painter.fillRect(box, ground)
        for place, (text, color, thick) in enumerate(entries):
            y = box.top() + (place + 0.5) * area.line + SPACE / 2
            style = Qt.PenStyle.DashLine if place else Qt.PenStyle.SolidLine
            painter.setPen(QPen(QColor(color), thick, style))
            painter.drawLine(QPointF(box.left() + SPACE, y), QPointF(box.left() + 6 * SPACE, y))
            painter.setPen(QColor(tokens.text))
            where = QRectF(box.left() + 7 * SPACE, y - area.line / 2, wide, area.line)
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(where, int(left), plain_text.line(text))

    def _free_corner(self, area: Area, wide: float, high: float) -> QRectF:
        """A box of this size in a corner of the plot; the map's own line counts most."""
        plot = area.plot
        corners = [
            QRectF(x, y, wide, high)
            for x in (plot.right() - wide, plot.left() + 1)
            for y in (plot.top(), plot.bottom() - high)
        ]

        def covered(box: QRectF) -> float:
            found = 0.0
            for place, curve in enumerate(self.curves):
                ends = list(zip(curve.x, curve.y, strict=True))
                for (x, y), (to_x, to_y) in pairwise(ends):
                    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
                        point = QPointF(
                            area.x(x + part * (to_x - x)), area.y(y + part * (to_y - y))
                        )
                        found += box.contains(point) * (1.0 if place else 4.0)
            return found

        return min(corners, key=covered)

    def words_at(self, x: float) -> str:
        if not self.curves:
            return ""
        own = self.curves[0]
        place = min(range(len(own.x)), key=lambda at: abs(own.x[at] - x))
        where = own.ticks[place] if own.ticks else percent(own.x[place])
        words = f"{where}: {own.label} {number_text(own.y[place])}"
        others = [curve.y[place] for curve in self.curves[1:] if place < len(curve.y)]
        if len(others) == 1:
            words += f", {self.curves[1].label} {number_text(others[0])}"
        elif others:
            mean = sum(others) / len(others)
            spread = (sum((one - mean) ** 2 for one in others) / (len(others) - 1)) ** 0.5
            words += f", {_common(self.curves[1:])} {measured(mean, spread)}"
        return words

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        titles = (self.across, *(f"{curve.label} ({curve.axis})" for curve in self.curves))
        places = self.curves[0].x if self.curves else ()
        rows = [(x, *(c.y[at] for c in self.curves)) for at, x in enumerate(places)]
        return titles, rows


class Bars(Chart):
    """One bar for each name, from zero to the right or the left."""

    def __init__(self) -> None:
        super().__init__("", "", "")
        self.bars: Curve | None = None

    def set_bars(self, name: str, bars: Curve) -> None:
        """Show bars; their ticks are the names."""
        self.set_name(name)
        self.across, self.up = bars.axis, ""
        self.bars = bars
        self.set_message("")

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        if self.bars is None:
            return None
        # Shares and correlations: both end at 1.
        return (min(0.0, *self.bars.y), max(1.0, *self.bars.y)), (0.0, float(len(self.bars.y)))

    def _paint_axes(self, painter: QPainter, area: Area) -> None:
        """The values below; the names stand over the bars."""
        area.up = ()
        area.plot.setLeft(2.0 * SPACE)
        super()._paint_axes(painter, area)

    def draw(self, painter: QPainter, area: Area) -> None:
        assert self.bars is not None
        tokens = theme.current()
        high = area.plot.height() / len(self.bars.y)
        over = high >= 1.6 * area.line
        zero = area.x(0.0)
        for place, (name, value) in enumerate(zip(self.bars.ticks, self.bars.y, strict=True)):
            top = area.plot.top() + place * high
            text = QRectF(area.plot.left(), top, area.plot.width(), area.line if over else high)
            bar = QRectF(zero, top + (area.line if over else 1), area.x(value) - zero, 0)
            bar.setHeight(min(_BAR, high - area.line) if over else high - 2)
            color = QColor(tokens.accent if value >= 0 else tokens.text_dim)
            color.setAlpha(255 if over else 90)
            painter.fillRect(bar.normalized(), color)
            painter.setPen(QColor(tokens.text))
            for said, side in (
                (name, Qt.AlignmentFlag.AlignLeft),
                (number_text(value), Qt.AlignmentFlag.AlignRight),
            ):
                flags = side | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(text, int(flags), plain_text.line(said))
        painter.setPen(QPen(QColor(tokens.text_dim), 1))
        painter.drawLine(QPointF(zero, area.plot.top()), QPointF(zero, area.plot.bottom()))

    def words_at(self, x: float) -> str:
        del x
        return ""

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        bars = self.bars
        return ("place", self.across), [] if bars is None else list(
            zip(bars.x, bars.y, strict=True)
        )

    def values(self, separator: str = "\t") -> str:
        """With the names in place of the places."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=separator, lineterminator="\n")
        writer.writerow(("name", self.across))
        if self.bars is not None:
            pairs = zip(self.bars.ticks, self.bars.y, strict=True)
            writer.writerows((name, f"{value:.9g}") for name, value in pairs)
        return out.getvalue()


def _common(curves: Sequence[Curve]) -> str:
    """'random orders' for 'random order 1', 'random order 2' and so on."""
    name = curves[0].label.rstrip("0123456789 ")
    return f"{name}s" if not name.endswith("s") else name
