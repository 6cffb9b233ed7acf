"""The table of rows, and the grid of the same rows, each a view of Qt by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QListView, QTableView

from gui.toolkit import theme
from gui.widgets.folder.delegates import (
    GAP,
    ROW_SIDE,
    CellDelegate,
    TileDelegate,
    tile_size,
)
from gui.widgets.folder.model import RowModel
from gui.widgets.folder.rows import ShownColumn

_BATCH = 2_000
_MANY = 1_000

if TYPE_CHECKING:
    _Base = QAbstractItemView
else:
    # A widget is of one class of Qt: the table's or the list's.
    _Base = object


class _View(_Base):
    """What the table and the grid have in common: resized; menu_wanted(point), in global
    coordinates; Enter opens a row; a selection of many rows costs no more than one of few."""

    resized = Signal()
    menu_wanted = Signal(object)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        # Qt makes a list of all cells for screen readers, which takes seconds for many.
        if _rows(selected) + _rows(deselected) < _MANY:
            super().selectionChanged(selected, deselected)
        else:
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _opens(self, event):
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()


class TableView(_View, QTableView):
    """A row of texts for each image."""

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self.setObjectName("rows")
        self.setModel(model)
        self.setItemDelegate(CellDelegate(model, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setFont(theme.tabular(self.font()))
        self.setAccessibleName("Images of the folder")
        side = self.verticalHeader()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        side.setDefaultSectionSize(ROW_SIDE + GAP)
        side.hide()
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
        # Otherwise a click on a header selects every row; the model itself does not sort.
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(8 * GAP)
        for own in (header, side):
            # A header asks of every cell whether its column is selected.
            own.setSelectionModel(QItemSelectionModel(model, own))
        self._size_columns(model.columns)

    def _size_columns(self, columns: tuple[ShownColumn, ...]) -> None:
        self.setColumnWidth(0, ROW_SIDE + 2 * GAP)
        letter = self.fontMetrics().averageCharWidth()
        heads = self.horizontalHeader().fontMetrics()
        for place, column in enumerate(columns, start=1):
            # The title stays whole beside the arrow of the order.
            title = heads.horizontalAdvance(f"{column.title} \u2193")
            self.setColumnWidth(place, max(column.width * letter, title) + 4 * GAP)

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        # Home and End would go to the ends of a row, which is one thing here.
        ends = (QAbstractItemView.CursorAction.MoveHome, QAbstractItemView.CursorAction.MoveEnd)
        if action in ends and self.model().rowCount():
            row = 0 if action == ends[0] else self.model().rowCount() - 1
            return self.model().index(row, max(0, self.currentIndex().column()))
        return super().moveCursor(action, modifiers)


class GridView(_View, QListView):
    """A picture for each image."""

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setModelColumn(0)
        self.setItemDelegate(TileDelegate(model, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # All at once, a hundred thousand places take a second.
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(_BATCH)
        self.setMouseTracking(True)
        self.setAccessibleName("Images of the folder, as pictures")

    def in_sight(self, count: int) -> range:
        """The places of the tiles in sight."""
        size = tile_size(self.font())
        across = max(1, self.viewport().width() // size.width())
        top = self.verticalScrollBar().value() // size.height()
        lines = self.viewport().height() // size.height() + 2
        first = max(0, top * across)
        return range(min(first, count), min(count, (top + lines) * across))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.scheduleDelayedItemsLayout()


def _rows(selection: QItemSelection) -> int:
    return sum(selection.at(n).height() for n in range(selection.count()))


def _opens(view: QAbstractItemView, event: QKeyEvent) -> bool:
    """Enter opens the current row, on every system."""
    index: QModelIndex = view.currentIndex()
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or not index.isValid():
        return False
    view.activated.emit(index)
    event.accept()
    return True
