"""Charts of a folder: a histogram that filters when it is brushed, and how far probabilities are
to be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen

from engine.lazy.numpy import np
from engine.render.ticks import number_text
from gui.toolkit import theme
from gui.toolkit.charts.chart import Area, Chart
from gui.toolkit.charts.charts import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BrushHistogram(Histogram):
    """brushed(low, high): a range was dragged over. unbrushed: it was clicked."""

    brushed = Signal(float, float)
    unbrushed = Signal()

    def __init__(self) -> None:
        super().__init__("Histogram", "", "images")
        self._from: float | None = None
        self._to: float | None = None
        self._kept: tuple[float, float] | None = None
        self.setMinimumHeight(22 * theme.SPACE)
        self.setMaximumHeight(30 * theme.SPACE)

    def set_counts(self, name: str, counts: NDArray[np.int64], edges: NDArray[np.float64]) -> None:
        """Show a column's counts; of no values, say so."""
        self.set_name(name)
        empty = not counts.sum()
        self.edges, self.counts = (np.zeros(0), np.zeros(0, np.int64)) if empty else (edges, counts)
        self.set_message("No values" if empty else "")

    def set_range(self, kept: tuple[float, float] | None) -> None:
        """Mark the range that rows are filtered by; None for none."""
        self._kept = kept
        self.update()

    def draw(self, painter: QPainter, area: Area) -> None:
        super().draw(painter, area)
        ends = self._kept
        if self._from is not None and self._to is not None:
            ends = min(self._from, self._to), max(self._from, self._to)
        if ends is None:
            return
        tokens = theme.current()
        left = max(area.plot.left(), area.x(ends[0]))
        right = min(area.plot.right(), area.x(ends[1]))
        chosen = QRectF(left, area.plot.top(), max(1.0, right - left), area.plot.height())
        shade = QColor(tokens.accent)
        shade.setAlpha(50)
        painter.fillRect(chosen, shade)
        painter.setPen(QPen(QColor(tokens.accent), 1))
        painter.drawLine(chosen.topLeft(), chosen.bottomLeft())
        painter.drawLine(chosen.topRight(), chosen.bottomRight())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._from = self._to = self._value_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._from is not None:
            self._to = self._value_at(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        begun, ended, self._from, self._to = self._from, self._to, None, None
        if begun is None or ended is None:
            return
        if begun == ended:
            self.unbrushed.emit()
        else:
            self.brushed.emit(min(begun, ended), max(begun, ended))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.unbrushed.emit()
        else:
            super().keyPressEvent(event)

    def _value_at(self, place: QPointF) -> float | None:
        """The edge of a bar that is nearest."""
        spans = self.spans()
        if spans is None or self._message:
            return None
        metrics = QFontMetricsF(theme.tabular(theme.small(self.font())))
        area = Area(QRectF(self.rect()), spans, metrics, math.ceil(metrics.height()))
        value = area.value(place.x())
        return float(self.edges[int(np.abs(self.edges - value).argmin())])


class Reliability(Chart):
    """Accuracy in bins of the probability: on the diagonal, probabilities are to be believed.

    picked(low, high): a bin was clicked.
    """

    picked = Signal(float, float)

    def __init__(self) -> None:
        super().__init__("Reliability", "probability", "accuracy")
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self.means: NDArray[np.float64] = np.zeros(0)
        self.right: NDArray[np.float64] = np.zeros(0)
        self.setMinimumHeight(56 * theme.SPACE)
        self.setMaximumHeight(84 * theme.SPACE)

    def set_bins(
        self,
        counts: NDArray[np.int64],
        means: NDArray[np.float64],
        right: NDArray[np.float64],
    ) -> None:
        """Show bins of equal width from 0 to 1; NaN where one is empty."""
        self.counts, self.means, self.right = counts, means, right
        empty = not counts.sum()
        self.set_message("No image has both a prediction and a matched label" if empty else "")
        error = self.error
        said = "" if error is None else f": expected calibration error {100 * error:.1f} %"
        self.set_name(f"Reliability{said}")

    @property
    def error(self) -> float | None:
        """Mean distance of probability and accuracy over the images; None without labels."""
        total = int(self.counts.sum())
        if not total:
            return None
        kept = self.counts > 0
        apart = np.abs(self.means[kept] - self.right[kept])
        return float((apart * self.counts[kept]).sum() / total)

    def spans(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        return ((0.0, 1.0), (0.0, 1.0)) if self.counts.sum() else None

    def draw(self, painter: QPainter, area: Area) -> None:
        tokens = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.text_dim), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(area.x(0), area.y(0)), QPointF(area.x(1), area.y(1)))
        bins = len(self.counts)
        most = max(1, int(self.counts.max()))
        for place, count in enumerate(self.counts):
            if not count:
                continue
            left, right = area.x(place / bins), area.x((place + 1) / bins)
            bar = QRectF(left, area.y(float(self.right[place])), right - left - 1, 0)
            bar.setBottom(area.plot.bottom())
            shade = QColor(tokens.accent)
            # Bins of few images say little.
            shade.setAlpha(60 + round(150 * math.sqrt(count / most)))
            painter.fillRect(bar, shade)
            middle = QPointF(area.x(float(self.means[place])), area.y(float(self.right[place])))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.text))
            painter.drawEllipse(middle, 3, 3)

    def words_at(self, x: float) -> str:
        place = self._bin(x)
        if place is None or not self.counts[place]:
            return ""
        mean, right = number_text(float(self.means[place])), number_text(float(self.right[place]))
        return f"{self.counts[place]:,} images: probability {mean}, right {right}"

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float]]]:
        bins = len(self.counts)
        rows = [
            (n / bins, (n + 1) / bins, float(self.counts[n]), self.means[n], self.right[n])
            for n in range(bins)
        ]
        return ("from", "to", "images", "mean probability", "accuracy"), rows

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._point_at(event.position())
        place = self._bin(self._hover) if self._hover is not None else None
        if place is not None and self.counts[place]:
            bins = len(self.counts)
            self.picked.emit(place / bins, (place + 1) / bins)

    def _bin(self, x: float) -> int | None:
        bins = len(self.counts)
        return min(max(int(x * bins), 0), bins - 1) if bins else None
