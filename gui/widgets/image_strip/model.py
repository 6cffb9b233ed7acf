"""The Qt item model of the image strip, and the delegate that paints its cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from engine.escaping import LINE
from gui.toolkit import plain_text, theme
from gui.toolkit.names import elided_name

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
GAP = theme.SPACE
THUMBNAIL = QSize(88, 64)
_SMALL = QSize(28, 20)
_NAME_WIDTH = 112
_LEAST_NAME = 16
_NEW = 6
_NOTE = QSize(9, 10)
_MOST_NOTES = 5
"""In a tooltip."""


def cell_size(font: QFont, folded: bool = False) -> QSize:
    """The size of a cell, in logical pixels. font: of the strip. folded: in one line."""
    if folded:
        high = max(_SMALL.height(), _name_height(font)) + GAP
        return QSize(_SMALL.width() + _NAME_WIDTH + 4 * GAP, high)
    return QSize(THUMBNAIL.width() + 2 * GAP, THUMBNAIL.height() + _name_height(font) + 3 * GAP)


def _name_height(font: QFont) -> int:
    return max(_LEAST_NAME, QFontMetrics(theme.small(font)).height())


@dataclass(slots=True, eq=False)
class _Image:
    key: str
    name: str
    folder: str = ""
    thumbnail: QImage = field(default_factory=QImage)
    error: str = ""
    notes: tuple[str, ...] = ()


class StripModel(QAbstractListModel):
    """The open images in the order in which they were opened."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._images: list[_Image] = []
        self._rows: dict[str, int] = {}
        self._new: set[str] = set()

    def add(
        self, images: Sequence[tuple[str, str]], folder: str = "", at: int | None = None
    ) -> None:
        """Add images, each (key, name), with a single notification. folder: of their files. at:
        the place of the first, from 0; None for the end.

        Raises ValueError if a key is taken; then nothing is added.
        """
        first = len(self._images) if at is None else at
        rows: dict[str, int] = {}
        for key, _ in images:
            if key in self._rows or key in rows:
                raise ValueError(f"{key!r} is in the strip already")
            rows[key] = first + len(rows)
        if not rows:
            return
        self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
        self._images[first:first] = [_Image(key, name, folder) for key, name in images]
        self._rows |= rows
        for place in range(first + len(rows), len(self._images)):
            self._rows[self._images[place].key] = place
        self.endInsertRows()

    def remove(self, row: int) -> None:
        """Remove the image of a row."""
        self.beginRemoveRows(QModelIndex(), row, row)
        key = self._images.pop(row).key
        del self._rows[key]
        self._new.discard(key)
        for place in range(row, len(self._images)):
            self._rows[self._images[place].key] = place
        self.endRemoveRows()

    def update(self, key: str, *, error: str, thumbnail: QImage | None = None) -> None:
        """Change the error and thumbnail of an image; unknown keys are ignored."""
        row = self.row_of(key)
        if row is None:
            return
        image = self._images[row]
        image.error = error
        if thumbnail is not None:
            image.thumbnail = thumbnail
        self.dataChanged.emit(self.index(row, 0), self.index(row, 0))

    def set_notes(self, key: str, notes: Sequence[str]) -> None:
        """What is written about an image; unknown keys are ignored."""
        row = self.row_of(key)
        if row is not None:
            self._images[row].notes = tuple(notes)
            self._tell(row)

    def has(self, row: int, words: Sequence[str]) -> bool:
        """Whether the name and the notes of an image have all these words, whatever their case."""
        image = self._images[row]
        text = "\n".join((image.name, *image.notes)).casefold()
        return all(word.casefold() in text for word in words)

    def mark_new(self, keys: Collection[str]) -> None:
        """Mark these images as new, and no others."""
        before, self._new = self._new, {key for key in keys if key in self._rows}
        for key in before ^ self._new:
            self._tell(self._rows[key])

    def see(self, key: str) -> None:
        """An image was looked at: it is new no more."""
        if key in self._new:
            self._new.remove(key)
            self._tell(self._rows[key])

    def _tell(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, 0))

    @property
    def new(self) -> int:
        """How many images are marked as new."""
        return len(self._new)

    def is_new(self, key: str) -> bool:
        """Whether an image is marked as new."""
        return key in self._new

    def row_of(self, key: str) -> int | None:
        """The row of a key, None if there is none."""
        return self._rows.get(key)

    def key_at(self, index: Index) -> str | None:
        """The key of a row."""
        image = self.image(index)
        return image.key if image else None

    def image(self, index: Index) -> _Image | None:
        """The image of a row."""
        return self._images[index.row()] if index.isValid() else None

    def keys(self) -> tuple[str, ...]:
        """All keys in order."""
        return tuple(image.key for image in self._images)

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        image = self.image(index)
        if image is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return plain_text.line(image.name)
        if role == Qt.ItemDataRole.ToolTipRole:
            words = (image.name, image.folder, image.error, *image.notes[:_MOST_NOTES])
            return plain_text.tip("\n".join(plain_text.line(text, LINE) for text in words if text))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return plain_text.line("; ".join((*filter(None, [image.error]), *image.notes)), LINE)
        return None


class StripDelegate(QStyledItemDelegate):
    """Paints a thumbnail above its name, with a warning icon for unreadable images."""

    def __init__(self, model: StripModel, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._images = model
        self._view = view
        self.folded = False

    def close_rect(self, cell: QRect) -> QRect:
        """The area of the close button in a cell, shown while the pointer is over the cell."""
        if self.folded:
            return QRect(cell.right() - GAP - 19, cell.center().y() - 9, 20, 20)
        return QRect(cell.right() - GAP - 19, cell.top() + GAP, 20, 20)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return cell_size(option.font, self.folded)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        image = self._images.image(index)
        if image is None:
            return
        tokens = theme.current()
        # The view makes a row as high as itself, including the space for its scroll bar.
        cell = QRect(option.rect.topLeft(), cell_size(option.font, self.folded))
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        current = index == self._view.currentIndex()
        if current or hovered:
            painter.fillRect(cell, QColor(tokens.selection if current else tokens.raised))
        if self.folded:
            frame = QRect(cell.left() + GAP, cell.top() + 2, _SMALL.width(), cell.height() - 4)
            name = QRect(frame.right() + 1 + GAP, cell.top(), _NAME_WIDTH, cell.height())
        else:
            frame = QRect(cell.topLeft(), THUMBNAIL).translated(GAP, GAP)
            high = _name_height(option.font)
            name = QRect(frame.left(), frame.bottom() + 1 + GAP, frame.width(), high)
        self._paint_picture(painter, frame, image)
        if image.notes:
            self._paint_note(painter, frame)
        painter.setFont(theme.small(option.font))
        painter.setPen(QColor(tokens.warning if image.error else tokens.text))
        if self._images.is_new(image.key):
            name = self._paint_new(painter, name)
        shown = elided_name(plain_text.line(image.name), painter.fontMetrics(), name.width())
        side = Qt.AlignmentFlag.AlignLeft if self.folded else Qt.AlignmentFlag.AlignHCenter
        painter.drawText(name, side | Qt.AlignmentFlag.AlignVCenter, shown)
        if current:
            width = 2 if self._view.hasFocus() else 1
            pen = QPen(QColor(tokens.accent), width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell.adjusted(width // 2, width // 2, -1, -1))
        if hovered:
            self._paint_close(painter, cell)

    def _paint_new(self, painter: QPainter, name: QRect) -> QRect:
        """Paint the dot of a new image before its name; what is left for the name."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.current().accent))
        painter.drawEllipse(QRect(name.left(), name.center().y() - _NEW // 2 + 1, _NEW, _NEW))
        painter.restore()
        return name.adjusted(_NEW + GAP, 0, 0, 0)

    def _paint_note(self, painter: QPainter, frame: QRect) -> None:
        """Paint the mark of an image with notes: a small sheet in the lower left corner."""
        sheet = QRect(QPoint(frame.left() + GAP, 0), _NOTE)
        sheet.moveBottom(frame.bottom() - GAP)
        if not self.folded:
            _paint_backing(painter, sheet.adjusted(-3, -3, 3, 3))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.current().accent))
        painter.drawRect(sheet)
        painter.setPen(QPen(QColor(theme.current().panel), 1))
        for line in (3, 5, 7):
            right = sheet.right() - (3 if line == 7 else 2)
            painter.drawLine(sheet.left() + 2, sheet.top() + line, right, sheet.top() + line)

    def _paint_picture(self, painter: QPainter, frame: QRect, image: _Image) -> None:
        tokens = theme.current()
        if not image.thumbnail.isNull():
            size = image.thumbnail.deviceIndependentSize().toSize()
            size.scale(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(frame.topLeft(), size)
            place.moveCenter(frame.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, image.thumbnail)
        else:
            painter.fillRect(frame, QColor(tokens.canvas))
        if image.error:
            side = min(24, frame.height())
            badge = QRect(0, 0, side, side)
            badge.moveCenter(frame.center())
            if not self.folded:
                _paint_backing(painter, badge.adjusted(-4, -4, 4, 4))
            theme.paint_icon(painter, "warning", badge, tokens.warning)

    def _paint_close(self, painter: QPainter, cell: QRect) -> None:
        rect = self.close_rect(cell)
        _paint_backing(painter, rect)
        theme.paint_icon(painter, "close", rect.adjusted(3, 3, -3, -3), theme.current().text)


def _paint_backing(painter: QPainter, rect: QRect) -> None:
    """Paint a plain background, so that an icon is visible on any image."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.current().panel))
    painter.drawRoundedRect(rect, GAP, GAP)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
