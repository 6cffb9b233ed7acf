"""Paints the classes in the lists of the panel 'Predictions'."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from gui.toolkit import theme
from gui.widgets.predictions.model import Change, ClassModel, Index

GAP = theme.SPACE
_PADDING = 2
_UPPER, _LOWER, _PLAIN = 18, 14, 28
"""Minimum heights of the two lines of a row, and of a row with one line."""


def row_height(font: QFont) -> int:
    """The height of a row with a probability bar."""
    return 2 * _PADDING + _upper(font) + _lower(font)


def _upper(font: QFont) -> int:
    return max(_UPPER, QFontMetrics(font).height())


def _lower(font: QFont) -> int:
    """The height of the second line, with the bar and the small number."""
    return max(_LOWER, QFontMetrics(theme.small(font)).height() - 1)


class ClassDelegate(QStyledItemDelegate):
    """Paints two lines per row: key, label and probability, then the bar and the logit."""

    def __init__(self, model: ClassModel, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._classes = model
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        if self._classes.barred:
            return QSize(120, row_height(option.font))
        return QSize(120, max(_PLAIN, option.fontMetrics.height() + GAP))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        number = self._classes.class_at(index)
        if number is None:
            return
        tokens = theme.current()
        rect: QRect = option.rect
        current = index == self._view.currentIndex()
        if current:
            painter.fillRect(rect, QColor(tokens.selection))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(tokens.raised))
        explained = number == self._classes.explained
        if explained:
            painter.fillRect(rect.x(), rect.y(), 3, rect.height(), QColor(tokens.accent))
        inner = rect.adjusted(8, _PADDING, -8, -_PADDING)
        self._paint_key(painter, inner, number, option.font)
        inner.setLeft(inner.left() + 4 * GAP)
        room = self._paint_last(painter, inner, number, option.font)
        self._paint_text(painter, inner, number, option.font, explained)
        if self._classes.barred:
            inner.setRight(inner.right() - room)
            self._paint_bar(painter, self._second_line(inner, option.font), number, explained)
        if current and self._view.hasFocus():
            painter.setPen(QColor(tokens.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(0, 0, -1, -1))

    def _first_line(self, rect: QRect, font: QFont) -> QRect:
        below = _lower(font) if self._classes.barred else 0
        return rect.adjusted(0, 0, 0, -below)

    def _second_line(self, rect: QRect, font: QFont) -> QRect:
        above = rect.height() - _lower(font) if self._classes.barred else 0
        return rect.adjusted(0, above, 0, 0)

    def _paint_key(self, painter: QPainter, rect: QRect, number: int, font: QFont) -> None:
        rank = self._classes.ranks.get(number)
        if rank is not None and rank <= 9:
            painter.setFont(theme.tabular(theme.small(font)))
            painter.setPen(QColor(theme.current().text_dim))
            place = self._first_line(rect, font)
            place.setWidth(3 * GAP)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(rank))

    def _paint_last(self, painter: QPainter, rect: QRect, number: int, font: QFont) -> int:
        """Paint the number at the end of the second line; returns the width reserved for it."""
        text = self._classes.logit_text(number)
        if self._classes.numbered:
            text = str(number)
        painter.setFont(theme.tabular(theme.small(font)))
        painter.setPen(QColor(theme.current().text_dim))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self._second_line(rect, font), right, text)
        widest = max("\u221288.88", text, key=len)
        room = painter.fontMetrics().horizontalAdvance(widest) + GAP
        change = self._classes.change_of(number)
        return room if change is None else self._paint_change(painter, rect, change, room)

    def _paint_change(self, painter: QPainter, rect: QRect, change: Change, room: int) -> int:
        """Paint what edits change left of the logit; returns the width that all of it takes."""
        tokens, metrics = theme.current(), painter.fontMetrics()
        colors = {"\u25b2": tokens.gain, "\u25bc": tokens.error}
        line = self._second_line(rect, painter.font())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for text, widest in zip(reversed(change.texts), ("▲ +88.8", "▲ +88.8 pp"), strict=True):
            wide = metrics.horizontalAdvance(max(widest, text, key=len)) + 2 * GAP
            if text and room + wide < rect.width():
                painter.setPen(QColor(colors.get(text[0], tokens.text_dim)))
                painter.drawText(line.adjusted(0, 0, -room, 0), right, text)
                room += wide
        return room

    def _paint_text(
        self, painter: QPainter, rect: QRect, number: int, font: QFont, explained: bool
    ) -> None:
        tokens = theme.current()
        line = self._first_line(rect, font)
        shown_number = self._classes.number_text(number)
        if shown_number:
            painter.setFont(theme.tabular(theme.small(font)))
            painter.setPen(QColor(tokens.text))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(line, right, shown_number)
            room = painter.fontMetrics().horizontalAdvance("> 99.9 %")
            line.setRight(line.right() - room)
        elif not self._classes.barred:
            line.setRight(line.right() - painter.fontMetrics().horizontalAdvance("99999"))
        name = QFont(font)
        name.setBold(explained)
        painter.setFont(name)
        painter.setPen(QColor(tokens.accent if explained else tokens.text))
        label = self._classes.shown_label(number)
        shown = painter.fontMetrics().elidedText(
            label, Qt.TextElideMode.ElideMiddle, line.width() - GAP
        )
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_bar(self, painter: QPainter, lower: QRect, number: int, explained: bool) -> None:
        probability = self._classes.probability(number)
        if probability is None:
            return
        tokens = theme.current()
        track = QRectF(lower.left(), lower.center().y() - 1, lower.width(), 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.border))
        painter.drawRoundedRect(track, 2, 2)
        if probability > 0:
            track.setWidth(max(2.0, track.width() * min(1.0, probability)))
            painter.setBrush(QColor(tokens.accent if explained else tokens.text_dim))
            painter.drawRoundedRect(track, 2, 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
