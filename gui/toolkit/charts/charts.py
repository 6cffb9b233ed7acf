"""Charts: histograms and lines, in the theme's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from engine.lazy.numpy import np
from engine.render.ticks import number_text
from gui.toolkit import theme
from gui.toolkit.charts.chart import Area, Chart

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The height of a bar that is not empty, in pixels.
_LEAST = 2.0


class Histogram(Chart):
    """How many values lie where. What is below zero is paler: a ReLU makes it zero."""

    def __init__(self, name: str, across: str, counted: str) -> None:
        super().__init__(name, across, counted)
        self.edges: NDArray[np.float64] = np.zeros(0)
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def set_values(self, values: NDArray[np.floating], bins: int = 48) -> None:
        """Count finite values. Zero is an edge where it lies between them."""
        finite = np.asarray(values, np.float64).reshape(-1)
        finite = finite[np.isfinite(finite)]
        self.edges, self.counts = np.zeros(0), np.zeros(0, np.int64)
        if finite.size:
            self.edges = _edges(float(finite.min()), float(finite.max()), bins)
            self.counts = np.histogram(finite, self.edges)[0].astype(np.int64)
        self._message = "" if finite.size else "No values"
        self._changed()

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        if not self.counts.size:
            return None
        most = float(self.counts.max())
        return (float(self.edges[0]), float(self.edges[-1])), (0.0, most)

    def draw(self, painter: QPainter, area: Area) -> None:
        tokens = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        for low, high, count in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if not count:
                continue
            left, right = area.x(float(low)), area.x(float(high))
            bottom = area.plot.bottom()
            # What is rare beside the most frequent is to be seen, too.
            top = min(area.y(float(count)), bottom - _LEAST)
            bar = QRectF(left, top, max(1.0, right - left - 1), bottom - top)
            painter.fillRect(bar, QColor(tokens.text_dim if high <= 0 else tokens.accent))
        if self.edges[0] < 0 < self.edges[-1]:
            painter.setPen(QPen(QColor(tokens.text), 1, Qt.PenStyle.DashLine))
            x = area.x(0.0)
            painter.drawLine(QPointF(x, area.plot.top()), QPointF(x, area.plot.bottom()))

    def words_at(self, x: float) -> str:
        if not self.counts.size:
            return ""
        place = int(np.searchsorted(self.edges, x, "right")) - 1
        place = min(max(place, 0), len(self.counts) - 1)
        low, high = (number_text(float(edge)) for edge in self.edges[place : place + 2])
        return f"{low} to {high}: {int(self.counts[place])} {self.up}"

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        rows = zip(self.edges, self.edges[1:], self.counts, strict=False)
        return ("from", "to", self.up), [tuple(float(n) for n in row) for row in rows]


class Curve(Chart):
    """A line of values at growing places; NaN leaves a gap."""

    def __init__(self, name: str, across: str, up: str) -> None:
        super().__init__(name, across, up)
        self.places: NDArray[np.float64] = np.zeros(0)
        self.heights: NDArray[np.float64] = np.zeros(0)

    def set_points(self, places: NDArray[np.float64], heights: NDArray[np.float64]) -> None:
        self.places, self.heights = places, heights
        self._message = "" if np.isfinite(heights).any() else self._message
        self._changed()

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        finite = self.heights[np.isfinite(self.heights)]
        if not finite.size or self.places[-1] <= self.places[0]:
            return None
        low, high = min(0.0, float(finite.min())), max(0.0, float(finite.max()))
        high = high if high > low else low + 1.0
        return (float(self.places[0]), float(self.places[-1])), (low, high)

    def draw(self, painter: QPainter, area: Area) -> None:
        tokens = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.text_dim), 1))
        zero = area.y(0.0)
        painter.drawLine(QPointF(area.plot.left(), zero), QPointF(area.plot.right(), zero))
        painter.setPen(QPen(QColor(tokens.accent), 1.5))
        run: list[QPointF] = []
        for x, y in zip(self.places, self.heights, strict=True):
            if np.isfinite(y):
                run.append(QPointF(area.x(float(x)), area.y(float(y))))
            elif run:
                painter.drawPolyline(QPolygonF(run))
                run = []
        if run:
            painter.drawPolyline(QPolygonF(run))

    def words_at(self, x: float) -> str:
        if not self.places.size:
            return ""
        place = int(np.abs(self.places - x).argmin())
        value = float(self.heights[place])
        where = f"{self.places[place]:.0f} px"
        return f"{where}: {number_text(value)}" if math.isfinite(value) else f"{where}: no value"

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        rows = zip(self.places, self.heights, strict=True)
        return (self.across, self.up), [(float(x), float(y)) for x, y in rows]


def _edges(low: float, high: float, bins: int) -> NDArray[np.float64]:
    if low == high:
        wide = abs(low) / 2 or 0.5
        return np.linspace(low - wide, high + wide, 2)
    if not low < 0.0 < high:
        return np.linspace(low, high, bins + 1)
    step = (high - low) / bins
    below, above = math.ceil(-low / step), math.ceil(high / step)
    return step * np.arange(-below, above + 1, dtype=np.float64)
