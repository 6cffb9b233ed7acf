"""The table and the grid of the same rows, with one selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QListView,
    QStackedWidget,
    QTableView,
)

from engine.lazy.numpy import np
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEEN_MS = 40
_BATCH = 2_000
_MANY = 1_000
_Flag = QItemSelectionModel.SelectionFlag

if TYPE_CHECKING:
    _Base = QAbstractItemView
else:
    # A widget is of one class of Qt: the table's or the list's.
    _Base = object


class RowViews(QStackedWidget):
    """Table and grid. opened(place): Enter or double click. seen: other rows are in sight.
    sorted(column, down): a header was clicked. selected: the selection changed. menu_wanted(point):
    a context menu, in global coordinates."""

    opened = Signal(int)
    seen = Signal()
    sorted = Signal(str, bool)
    selected = Signal()
    menu_wanted = Signal(object)

    def __init__(self, model: RowModel) -> None:
        super().__init__()
        self.model = model
        self.table = _Table(model)
        self.grid = _Grid(model)
        # A list looks at every selected row whenever the selection changes, shown or not.
        self._apart = self.grid.selectionModel()
        self._seen = QTimer(self)
        self._seen.setSingleShot(True)
        self._seen.setInterval(_SEEN_MS)
        self._seen.timeout.connect(self.seen)
        self._order = ("place", False)
        for view in (self.table, self.grid):
            self.addWidget(view)
            view.activated.connect(lambda index: self.opened.emit(index.row()))
            view.verticalScrollBar().valueChanged.connect(self._moved)
            view.resized.connect(self._moved)
            view.menu_wanted.connect(self.menu_wanted)
        model.dataChanged.connect(self._moved)
        model.modelReset.connect(self._moved)
        self.table.horizontalHeader().sectionClicked.connect(self._header_clicked)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self.selected.emit())

    @property
    def view(self) -> QAbstractItemView:
        """The one in front."""
        return self.grid if self.currentWidget() is self.grid else self.table

    def set_grid(self, on: bool) -> None:
        """Show the grid in place of the table, at the same row."""
        focused = self.view.hasFocus()
        current = self.view.currentIndex()
        self.grid.setSelectionModel(self.table.selectionModel() if on else self._apart)
        self.setCurrentWidget(self.grid if on else self.table)
        if focused:
            self.view.setFocus()
        if current.isValid():
            self.view.scrollTo(current, QAbstractItemView.ScrollHint.PositionAtCenter)
        self._moved()

    def set_order(self, column: str, down: bool) -> None:
        """Mark the column that the rows are sorted by."""
        self._order = (column, down)
        self.model.set_order(column, down=down)

    def in_sight(self) -> range:
        """The places of the rows in sight, with a few beyond."""
        count = self.model.rowCount()
        if not count:
            return range(0)
        if self.view is self.table:
            first = self.table.rowAt(0)
            last = self.table.rowAt(self.table.viewport().height() - 1)
            return range(max(0, first), count if last < 0 else min(count, last + 3))
        return self.grid.in_sight(count)

    # --- selection -------------------------------------------------------------------------------

    def selected_places(self) -> list[int]:
        """The places of the selected rows, in order."""
        places: list[int] = self._places().tolist()
        return places

    def selected_numbers(self) -> NDArray[np.int64]:
        """The inputs of the selected rows, in their order: int64 (n,)."""
        chosen: NDArray[np.int64] = self.model.numbers[self._places()]
        return chosen

    def _places(self) -> NDArray[np.int64]:
        selection = self.table.selectionModel().selection()
        spans = (selection.at(n) for n in range(selection.count()))
        # Marked one by one, so that nothing has to be sorted when all rows are selected.
        marked = np.zeros(self.model.rowCount(), bool)
        for span in spans:
            marked[span.top() : span.bottom() + 1] = True
        return np.flatnonzero(marked)

    def select_numbers(self, numbers: NDArray[np.int64], current: int | None) -> None:
        """Select inputs, wherever they are listed now, and go to one of them."""
        chosen = np.isin(self.model.numbers, numbers)
        places = np.flatnonzero(chosen)
        selection = QItemSelection()
        last = self.model.columnCount() - 1
        for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
            if len(run):
                top, bottom = int(run[0]), int(run[-1])
                selection.select(self.model.index(top, 0), self.model.index(bottom, last))
        model = self.table.selectionModel()
        place = self.model.place_of(current) if current is not None else None
        if place is not None:
            model.setCurrentIndex(self.model.index(place, 0), _Flag.NoUpdate)
        model.select(selection, _Flag.ClearAndSelect)

    def _moved(self, *_: object) -> None:
        if not self._seen.isActive():
            self._seen.start()

    def _header_clicked(self, section: int) -> None:
        """Sort by the column; again, the other way round; again, in the folder's own order."""
        if section == 0:
            self.sorted.emit("place", False)
            return
        name = self.model.columns[section - 1].name
        known, down = self._order
        if name != known:
            self.sorted.emit(name, False)
        elif not down:
            self.sorted.emit(name, True)
        else:
            self.sorted.emit("place", False)


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


class _Table(_View, QTableView):
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
        for place, column in enumerate(columns, start=1):
            self.setColumnWidth(place, column.width * letter + 4 * GAP)

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        # Home and End would go to the ends of a row, which is one thing here.
        ends = (QAbstractItemView.CursorAction.MoveHome, QAbstractItemView.CursorAction.MoveEnd)
        if action in ends and self.model().rowCount():
            row = 0 if action == ends[0] else self.model().rowCount() - 1
            return self.model().index(row, max(0, self.currentIndex().column()))
        return super().moveCursor(action, modifiers)


class _Grid(_View, QListView):
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
