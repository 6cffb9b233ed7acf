"""The table and the grid of the same rows, with one selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QTimer, Signal
from PySide6.QtWidgets import QAbstractItemView, QStackedWidget

from engine.lazy.numpy import np
from gui.widgets.folder.lists import GridView, TableView
from gui.widgets.folder.model import RowModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEEN_MS = 40
_Flag = QItemSelectionModel.SelectionFlag


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
        self.table = TableView(model)
        self.grid = GridView(model)
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
