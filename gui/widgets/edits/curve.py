"""A small curve: the score of a class over the range of a slider."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.toolkit import plain_text, theme

_HEIGHT = 60


class CurveView(QWidget):
    """Drawn below a slider, over the same range. The dot is where the slider stands."""

    def __init__(self) -> None:
        super().__init__()
        self._amounts: tuple[float, ...] = ()
        self._values: tuple[float, ...] = ()
        self._percent = True
        self._unit = ""
        self._title = ""
        self._here = 0.0
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clear()

    def clear(self, words: str = "") -> None:
        """Show no curve; words: what is said instead."""
        self._amounts = self._values = ()
        self._title = words
        self._describe()

    def show_curve(
        self,
        amounts: Sequence[float],
        values: Sequence[float],
        title: str,
        unit: str,
        *,
        percent: bool,
    ) -> None:
        """Show values over ascending amounts. title: of what they are. unit: of the amounts.
        percent: values are probabilities, 0 to 1, and else logits."""
        self._amounts, self._values = tuple(amounts), tuple(map(float, values))
        self._title, self._unit, self._percent = title, unit, percent
        self._describe()

    def set_here(self, amount: float) -> None:
        """Where the slider stands."""
        self._here = amount
        self.update()

    @property
    def shown(self) -> bool:
        """Whether there is a curve."""
        return bool(self._amounts)

    def value_at(self, amount: float) -> float | None:
        """The value at an amount, between those that were computed on a straight line."""
        if not self._amounts:
            return None
        amounts, values = self._amounts, self._values
        for place in range(1, len(amounts)):
            if amount <= amounts[place]:
                low, high = amounts[place - 1], amounts[place]
                part = min(1.0, max(0.0, (amount - low) / (high - low)))
                return values[place - 1] + part * (values[place] - values[place - 1])
        return values[-1]

    def sizeHint(self) -> QSize:
        return QSize(120, _HEIGHT + 2 * self.fontMetrics().height())

    def _text(self, value: float) -> str:
        text = f"{100 * value:.1f} %" if self._percent else f"{value:.1f}"
        return text.replace("-", "\u2212")

    def _with_unit(self, number: str) -> str:
        space = "" if self._unit in ("", "°") else " "
        return f"{number}{space}{self._unit}".replace("-", "\u2212")

    def _describe(self) -> None:
        said = ""
        if self._values:
            low, high = min(self._values), max(self._values)
            said = f", from {self._text(low)} to {self._text(high)}"
        self.setAccessibleName(plain_text.line(f"{self._title or 'Curve'}{said}"))
        self.update()

    def _ends(self) -> tuple[float, float]:
        if self._percent:
            return 0.0, 1.0
        low, high = min(self._values), max(self._values)
        return (low, high) if high > low else (low - 1, high + 1)

    def _area(self) -> QRectF:
        line = self.fontMetrics().height()
        # The groove of a slider ends half a handle from its edges.
        return QRectF(7, line + 2, max(1, self.width() - 14), max(8, self.height() - 2 * line - 4))

    def _point(self, amount: float, value: float, area: QRectF) -> QPointF:
        low, high = self._ends()
        first, last = self._amounts[0], self._amounts[-1]
        across = (amount - first) / (last - first) if last > first else 0.5
        up = (value - low) / (high - low)
        return QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setFont(theme.tabular(theme.small(self.font())))
        painter.setPen(QColor(tokens.text_dim))
        room = QRectF(self.rect())
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        metrics = painter.fontMetrics()
        here = self.value_at(self._here)
        elided = Qt.TextElideMode.ElideMiddle
        title = metrics.elidedText(self._title, elided, round(room.width()))
        painter.drawText(room, left | Qt.AlignmentFlag.AlignTop, title)
        if not self._amounts or here is None:
            return
        for amount, side in ((self._amounts[0], left), (self._amounts[-1], right)):
            text = self._with_unit(f"{amount:g}")
            painter.drawText(room, side | Qt.AlignmentFlag.AlignBottom, text)
        area = self._area()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.border), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        place = self._point(self._here, here, area)
        painter.drawLine(QPointF(place.x(), area.bottom()), place)
        points = [
            self._point(amount, value, area)
            for amount, value in zip(self._amounts, self._values, strict=True)
            if math.isfinite(value)
        ]
        painter.setPen(QPen(QColor(tokens.accent), 1.6))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(QColor(tokens.accent))
        painter.setPen(QPen(QColor(tokens.panel), 1))
        painter.drawEllipse(place, 4, 4)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if not self._amounts:
            return
        area = self._area()
        part = min(1.0, max(0.0, (event.position().x() - area.left()) / area.width()))
        amount = self._amounts[0] + part * (self._amounts[-1] - self._amounts[0])
        value = self.value_at(amount)
        if value is not None:
            text = f"{self._with_unit(f'{amount:.3g}')}: {self._text(value)}"
            QToolTip.showText(event.globalPosition().toPoint(), plain_text.tip(text), self)
