"""Paints the panel's rows and headings."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem

from gui.toolkit import plain_text, theme
from gui.widgets.choices.model import ChoiceModel, Index
from gui.widgets.choices.rows import Choice

GAP = theme.SPACE
_SIDE = 3 * GAP
_PADDING = 5
_BETWEEN = 2
_KEY = 4 * GAP
_MARK = 3
"""The width of the bar beside the row that is in use, as in the other panels."""

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ChoiceDelegate(QStyledItemDelegate):
    """Two lines for a row: title, link and cost; then what it is good for, or why it is not there.

    over: the row whose link the mouse is on, -1 for none.
    """

    def __init__(self, model: ChoiceModel, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._choices = model
        self._view = view
        self.over = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        row = self._choices.at(index)
        small = QFontMetrics(theme.small(option.font)).height()
        if row is None:
            return QSize(120, small + (2 if index.row() == 0 else 4) * GAP)
        second = small + _BETWEEN if row.line or row.reason else 0
        return QSize(120, QFontMetrics(option.font).height() + second + 2 * _PADDING)

    def more_rect(self, rect: QRect, font: QFont, row: Choice) -> QRect:
        """Where the link of a row is, that row being painted in rect."""
        line = self._first_line(rect, font)
        numbers = QFontMetrics(theme.tabular(theme.small(font)))
        room = numbers.horizontalAdvance(row.cost) + (3 * GAP if row.cost else 0)
        width = numbers.horizontalAdvance(row.more) + 2 * GAP
        return QRect(line.right() - room - width + GAP, line.top(), width, line.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._choices.at(index)
        painter.save()
        if row is None:
            self._paint_heading(painter, option, self._choices.heading(index))
        else:
            self._paint_row(painter, option, index, row)
        painter.restore()

    def _paint_heading(self, painter: QPainter, option: QStyleOptionViewItem, text: str) -> None:
        font = theme.small(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.current().text_dim))
        rect: QRect = option.rect
        place = rect.adjusted(_SIDE, 0, -_SIDE, -GAP)
        below = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        painter.drawText(place, below, plain_text.line(text))

    def _paint_row(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, row: Choice
    ) -> None:
        tokens, rect, font = theme.current(), option.rect, option.font
        current = index == self._view.currentIndex()
        if current:
            painter.fillRect(rect, QColor(tokens.selection))
        if row.chosen:
            painter.fillRect(rect.x(), rect.y(), _MARK, rect.height(), QColor(tokens.accent))
        line = self._first_line(rect, font)
        numbers = theme.tabular(theme.small(font))
        painter.setFont(numbers)
        painter.setPen(QColor(tokens.text_dim))
        if row.cost and not row.reason:
            cost = plain_text.line(row.cost)
            painter.drawText(line, _RIGHT, cost)
            line.setRight(line.right() - painter.fontMetrics().horizontalAdvance(cost) - 3 * GAP)
        if self.has_more(row) and (current or row.chosen or row.leads):
            self._paint_more(painter, self.more_rect(rect, font, row), row, index.row())
            line.setRight(self.more_rect(rect, font, row).left())
        if row.key:
            painter.setFont(numbers)
            painter.drawText(line, _LEFT, row.key)
            line.setLeft(line.left() + _KEY)
        self._paint_title(painter, line, font, row)
        painter.setFont(theme.small(font))
        painter.setPen(QColor(tokens.text_dim))
        below = self._second_line(rect, font)
        said = plain_text.line(row.reason or row.line)
        shown = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, _LEFT, shown)

    def _paint_title(self, painter: QPainter, line: QRect, font: QFont, row: Choice) -> None:
        tokens = theme.current()
        name = QFont(font)
        name.setBold(row.chosen)
        painter.setFont(name)
        colour = tokens.accent if row.chosen else tokens.text
        painter.setPen(QColor(tokens.text_dim if row.reason else colour))
        metrics = painter.fontMetrics()
        title = metrics.elidedText(
            plain_text.line(row.title), Qt.TextElideMode.ElideRight, line.width()
        )
        painter.drawText(line, _LEFT, title)
        if row.note:
            rest = line.adjusted(metrics.horizontalAdvance(title) + 2 * GAP, 0, -GAP, 0)
            painter.setFont(theme.small(font))
            painter.setPen(QColor(tokens.text_dim))
            metrics = painter.fontMetrics()
            note = plain_text.line(row.note)
            shown = metrics.elidedText(note, Qt.TextElideMode.ElideRight, rest.width())
            painter.drawText(rest, _LEFT, shown)

    def _paint_more(self, painter: QPainter, place: QRect, row: Choice, number: int) -> None:
        tokens = theme.current()
        font = theme.small(self._view.font())
        font.setUnderline(number == self.over)
        painter.setFont(font)
        painter.setPen(QColor(tokens.text if number == self.over else tokens.text_dim))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, plain_text.line(row.more))

    @staticmethod
    def has_more(row: Choice) -> bool:
        """Whether a row can show its link."""
        return bool(row.more) and not row.reason

    def _first_line(self, rect: QRect, font: QFont) -> QRect:
        height = QFontMetrics(font).height()
        return QRect(rect.left() + _SIDE, rect.top() + _PADDING, rect.width() - 2 * _SIDE, height)

    def _second_line(self, rect: QRect, font: QFont) -> QRect:
        first = self._first_line(rect, font)
        height = QFontMetrics(theme.small(font)).height()
        return QRect(first.left(), first.bottom() + 1 + _BETWEEN, first.width(), height)
