"""A list of small pictures with a line or two below each, drawn when they come into view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from gui.toolkit import plain_text, theme

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
GAP = theme.SPACE
_LEAST_SIDE = 8 * theme.SPACE
_LINES = 2
_LEAST_WIDTH = 20 * theme.SPACE
# Device pixels, some megabytes of them; a longer list draws its pictures again.
_MOST_PICTURES = 400


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture. key: for the caller. title, detail: the lines below it, '' for none."""

    key: str
    title: str
    detail: str = ""
    tip: str = ""


Draw = Callable[[str, int], "QImage | None"]
"""(key, side in device pixels) to a picture; None while there is none."""


class TileModel(QAbstractListModel):
    """The tiles and the pictures drawn so far."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.tiles: tuple[Tile, ...] = ()
        self._remarks: Mapping[str, str] = {}
        self._draw: Draw = lambda _key, _side: None
        self._pictures: dict[tuple[str, int], QImage] = {}

    def set_tiles(self, tiles: Sequence[Tile], draw: Draw) -> None:
        self.beginResetModel()
        self.tiles, self._draw, self._remarks = tuple(tiles), draw, {}
        self._pictures.clear()
        self.endResetModel()

    def redraw(self, draw: Draw, remarks: Mapping[str, str]) -> None:
        """Draw all pictures anew; the selection stays."""
        self._draw, self._remarks = draw, remarks
        self._pictures.clear()
        if self.tiles:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.tiles) - 1, 0))

    def picture(self, key: str, side: int) -> QImage | None:
        place = key, side
        if place not in self._pictures:
            drawn = self._draw(key, side)
            if drawn is None:
                return None
            while len(self._pictures) >= _MOST_PICTURES:
                del self._pictures[next(iter(self._pictures))]
            self._pictures[place] = drawn
        return self._pictures[place]

    def detail(self, tile: Tile) -> str:
        """The second line below a tile."""
        return self._remarks.get(tile.key) or tile.detail

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.tiles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        tile = self.tiles[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return plain_text.line(tile.title)
        if role == Qt.ItemDataRole.ToolTipRole:
            said = self._remarks.get(tile.key, "")
            return plain_text.tip("\n".join(filter(None, (tile.tip or tile.title, said))))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return plain_text.line(self.detail(tile))
        return None


class TileView(QListView):
    """chosen(key): by click, Return or walking there with the arrow keys. film: in one line that
    the wheel scrolls sideways, whose pictures are as large as its height allows; side_changed: they
    have another size. Otherwise they have this side, as long as a whole row is visible: in a low
    view they are smaller, and the lines below them are left out before they are too small."""

    chosen = Signal(str)
    side_changed = Signal()

    def __init__(self, name: str, side: int, *, film: bool = False) -> None:
        super().__init__()
        self._tiles = TileModel(self)
        self.film = film
        self.side = self.wanted = side
        self.lines = _LINES
        self.setModel(self._tiles)
        self.setItemDelegate(_TileDelegate(self._tiles, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(not film)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        off = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        (self.setVerticalScrollBarPolicy if film else self.setHorizontalScrollBarPolicy)(off)
        self.setMouseTracking(True)
        self.setMinimumSize(0, 0)
        self.setAccessibleName(plain_text.line(name))
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)

    def set_tiles(self, tiles: Sequence[Tile], draw: Draw) -> None:
        """Show other tiles, none of them selected."""
        self._tiles.set_tiles(tiles, draw)

    def redraw(self, draw: Draw, remarks: Mapping[str, str] | None = None) -> None:
        """Draw all pictures anew. remarks: by key, in place of the details of tiles."""
        self._tiles.redraw(draw, remarks or {})

    def listed(self) -> tuple[str, ...]:
        """The keys of the tiles in order."""
        return tuple(tile.key for tile in self._tiles.tiles)

    def mark(self, key: str) -> None:
        """Select a tile without a signal; '' selects none."""
        keys = self.listed()
        if key not in keys:
            self.selectionModel().clear()
            return
        index = self._tiles.index(keys.index(key), 0)
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().setCurrentIndex(index, flag)
        self.scrollTo(index)

    def marked(self) -> str:
        """The key of the selected tile; '' for none."""
        selected = self.selectedIndexes()
        return self._tiles.tiles[selected[0].row()].key if selected else ""

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side, lines = self._fitting()
        if (side, lines) != (self.side, self.lines):
            self.side, self.lines = side, lines
            self.scheduleDelayedItemsLayout()
            self.scrollTo(self.currentIndex())
            self.side_changed.emit()

    def _fitting(self) -> tuple[int, int]:
        """The side of the pictures, and how many lines are below them."""
        high = _line(self.font())
        if self.film:
            bar = self.horizontalScrollBar().sizeHint().height()
            return max(_LEAST_SIDE, self.height() - bar - _LINES * high - 4 * GAP), _LINES
        for lines in range(_LINES, 0, -1):
            side = self.height() - lines * high - 3 * GAP
            if side >= _LEAST_SIDE:
                return min(side, self.wanted), lines
        return min(max(self.height() - 3 * GAP, _LEAST_SIDE // 2), self.wanted), 0

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self._tiles.tiles[index.row()].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        index = self.currentIndex()
        if index.row() != before and self.selectionModel().isSelected(index):
            self._choose(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.film:
            super().wheelEvent(event)
            return
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        by = delta.x() if abs(delta.x()) > abs(delta.y()) else delta.y()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - by)
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.scheduleDelayedItemsLayout()


class _TileDelegate(QStyledItemDelegate):
    def __init__(self, model: TileModel, view: TileView) -> None:
        super().__init__(view)
        self._tiles = model
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        side = self._view.side
        # The lines below small pictures can still be read.
        small = self._view.film or (side < self._view.wanted and self._view.lines)
        width = max(side + 3 * GAP, _LEAST_WIDTH if small else 0)
        return QSize(width, side + self._view.lines * _line(option.font) + 3 * GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tile, tokens = self._tiles.tiles[index.row()], theme.current()
        cell = QRect(option.rect.topLeft(), self.sizeHint(option, index))
        current = self._view.selectionModel().isSelected(index)
        focused = self._view.hasFocus() and index == self._view.currentIndex()
        if current or option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(cell, QColor(tokens.selection if current else tokens.raised))
        side = self._view.side
        frame = QRect(cell.left() + (cell.width() - side) // 2, cell.top() + GAP, side, side)
        ratio = painter.device().devicePixelRatio()
        picture = self._tiles.picture(tile.key, round(side * ratio))
        if picture is None:
            painter.fillRect(frame, QColor(tokens.canvas))
        else:
            target = QRect(0, 0, *(round(n / ratio) for n in picture.size().toTuple()))
            target.moveCenter(frame.center())
            painter.drawImage(target, picture)
        painter.setFont(theme.tabular(theme.small(option.font)))
        high = _line(option.font)
        metrics = QFontMetrics(painter.font())
        place = QRect(cell.left() + GAP, frame.bottom() + 3, cell.width() - 2 * GAP, high)
        # Names differ at their ends; what is said of a map is understood by its beginning.
        words = (
            (tile.title, tokens.text, Qt.TextElideMode.ElideMiddle),
            (self._tiles.detail(tile), tokens.text_dim, Qt.TextElideMode.ElideRight),
        )
        for text, colour, elided in words[: self._view.lines]:
            painter.setPen(QColor(tokens.text if current else colour))
            shown = metrics.elidedText(plain_text.line(text), elided, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, shown)
            place.translate(0, high)
        if current or focused:
            width = 2 if focused else 1
            pen = QPen(QColor(tokens.accent), width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(cell.adjusted(width // 2, width // 2, -1, -1))


def _line(font: QFont) -> int:
    return QFontMetrics(theme.small(font)).height()
