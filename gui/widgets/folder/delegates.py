"""Paints the rows of a folder, in the table and in the grid."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from gui.toolkit import theme
from gui.widgets.folder.model import RowModel
from gui.widgets.folder.rows import RowText, Tone

Index = QModelIndex | QPersistentModelIndex
GAP = theme.SPACE
ROW_SIDE = 10 * GAP
GRID_SIDE = 30 * GAP
_MARK = 2 * GAP
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_RESULT, _PREDICTION, _REASON = "correct", "prediction", "error"


class CellDelegate(QStyledItemDelegate):
    """A cell of the table."""

    def __init__(self, model: RowModel, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._rows = model
        self._view = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect, column = theme.current(), option.rect, index.column()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, _ink(tokens.selection))
        row = self._rows.row(index.row())
        if column == 0:
            frame = QRect(rect.left() + GAP, 0, ROW_SIDE, ROW_SIDE)
            frame.moveTop(rect.top() + (rect.height() - ROW_SIDE) // 2)
            paint_picture(painter, frame, self._rows, index.row(), row)
        elif row is not None:
            shown = self._rows.columns[column - 1]
            text, name = row.texts[column - 1], shown.name
            if row.tone == "error" and name == _PREDICTION and not text:
                # The column of reasons is far to the right.
                text, name = self._reason(row), _REASON
            if text:
                colour = _ink(_colour(row.tone, name, tokens))
                room = rect.adjusted(2 * GAP, 0, -2 * GAP, 0)
                if shown.name == _RESULT:
                    paint_mark(painter, room.topLeft() + QPoint(0, room.height() // 2), row.tone)
                    room.setLeft(room.left() + _MARK + GAP)
                elif not shown.numeric:
                    # Numbers have room; to measure every text would take most of the time.
                    mode = Qt.TextElideMode
                    end = mode.ElideRight if name == _REASON else mode.ElideMiddle
                    text = painter.fontMetrics().elidedText(text, end, room.width())
                painter.setPen(colour)
                painter.drawText(room, _RIGHT if shown.numeric else _LEFT, text)
        if index.row() == self._view.currentIndex().row() and self._view.hasFocus():
            painter.setPen(QColor(tokens.accent))
            painter.drawLine(rect.topLeft(), rect.topRight())
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())

    def _reason(self, row: RowText) -> str:
        """Why a row has no prediction."""
        names = [column.name for column in self._rows.columns]
        return row.texts[names.index(_REASON)] if _REASON in names else ""


class TileDelegate(QStyledItemDelegate):
    """A tile of the grid: the picture, and two lines below it."""

    def __init__(self, model: RowModel, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._rows = model
        self._view = view
        self._known: tuple[str, QFont, QFontMetrics, QSize] | None = None

    def _fonts(self, font: QFont) -> tuple[QFont, QFontMetrics, QSize]:
        """Of the lines below a picture, with the size of a tile; made anew for another font."""
        key = font.key()
        if self._known is None or self._known[0] != key:
            small = theme.tabular(theme.small(font))
            self._known = key, small, QFontMetrics(small), tile_size(font)
        return self._known[1:]

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return tile_size(option.font)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens = theme.current()
        small, metrics, size = self._fonts(option.font)
        cell = QRect(option.rect.topLeft(), size)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(cell, _ink(tokens.selection if chosen else tokens.raised))
        row = self._rows.row(index.row())
        frame = QRect(cell.left() + (cell.width() - GRID_SIDE) // 2, cell.top() + GAP, 0, 0)
        frame.setSize(QSize(GRID_SIDE, GRID_SIDE))
        paint_picture(painter, frame, self._rows, index.row(), row)
        if row is not None:
            painter.setFont(small)
            high = (size.height() - GRID_SIDE - 3 * GAP) // 2
            place = QRect(cell.left() + GAP, frame.bottom() + 3, cell.width() - 2 * GAP, high)
            for text, colour in (
                (row.title, tokens.text),
                (row.detail, _colour(row.tone, _RESULT, tokens)),
            ):
                painter.setPen(_ink(colour))
                elided = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, place.width())
                if colour != tokens.text and row.tone in ("right", "wrong", "error"):
                    wide = metrics.horizontalAdvance(elided)
                    left = max(0, (place.width() - wide) // 2 - _MARK - GAP)
                    paint_mark(painter, place.topLeft() + QPoint(left, high // 2), row.tone)
                    painter.setPen(_ink(colour))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), elided)
                place.translate(0, high)
        if index == self._view.currentIndex() and self._view.hasFocus():
            pen = QPen(QColor(tokens.accent), 2)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(cell.adjusted(1, 1, -1, -1))


def tile_size(font: QFont) -> QSize:
    """The size of a tile of the grid."""
    return QSize(GRID_SIDE + 3 * GAP, GRID_SIDE + 2 * _line(font) + 3 * GAP)


def paint_picture(
    painter: QPainter, frame: QRect, model: RowModel, place: int, row: RowText | None
) -> None:
    """The picture of a row in a square; a mark where the file cannot be read."""
    image: QImage | None = model.picture(model.number_at(place))
    if image is None or image.isNull():
        painter.fillRect(frame, QColor(theme.current().canvas))
        if row is not None and row.tone == "error":
            side = min(24, frame.width() // 2)
            icon = QRect(0, 0, side, side)
            icon.moveCenter(frame.center())
            theme.paint_icon(painter, "warning", icon, theme.current().warning)
        return
    scaled = image.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
    target = QRect(QPoint(0, 0), scaled)
    target.moveCenter(frame.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(target, image)


def paint_mark(painter: QPainter, middle: QPoint, tone: Tone) -> None:
    """A sign beside the colour: a tick for right, a cross for wrong. middle: of its left edge."""
    tokens = theme.current()
    size = _MARK
    box = QRect(middle.x(), middle.y() - size // 2, size, size)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(_colour(tone, _RESULT, tokens)), 1.6))
    if tone == "right":
        corner = box.bottomLeft() + QPoint(size // 3, 0)
        painter.drawLine(box.left(), box.center().y() + 1, corner.x(), corner.y())
        painter.drawLine(corner, box.topRight())
    elif tone in ("wrong", "error"):
        painter.drawLine(box.topLeft(), box.bottomRight())
        painter.drawLine(box.bottomLeft(), box.topRight())
    painter.restore()


@lru_cache(maxsize=64)
def _ink(colour: str) -> QColor:
    return QColor(colour)


def _colour(tone: Tone, column: str, tokens: theme.Tokens) -> str:
    if column == _REASON:
        return tokens.warning
    if column != _RESULT:
        return tokens.text
    return tokens.error if tone in ("wrong", "error") else tokens.text_dim


def _line(font: QFont) -> int:
    return QFontMetrics(theme.small(font)).height()
