"""The item model of the rows: numbers of all of them, texts of the pages that are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage

from engine.lazy.numpy import np
from gui.toolkit import plain_text
from gui.widgets.folder.rows import RowText, ShownColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
_KEPT_PAGES = 60
# 64 kB each.
_KEPT_PICTURES = 1_200
_Role = Qt.ItemDataRole


class RowModel(QAbstractTableModel):
    """Rows by their place in a listing. The first column is the picture.

    page_wanted(first): texts are missing from this row on. page: rows on one page.
    """

    page_wanted = Signal(int)

    def __init__(self, parent: QObject, columns: Sequence[ShownColumn], page: int) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._page = page
        self.numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._pages: OrderedDict[int, tuple[RowText, ...]] = OrderedDict()
        self._fresh: set[int] = set()
        self._asked: set[int] = set()
        self._pictures: OrderedDict[int, QImage] = OrderedDict()
        self._order = ("", "")

    # --- filling ---------------------------------------------------------------------------------

    def set_numbers(self, numbers: NDArray[np.int64]) -> bool:
        """Show other rows. The same array means that only their contents may have changed, which
        are then asked for again while the known ones stay. Whether the places changed."""
        self._fresh.clear()
        self._asked.clear()
        if numbers is self.numbers:
            if len(numbers):
                last = self.index(len(numbers) - 1, len(self.columns))
                self.dataChanged.emit(self.index(0, 0), last)
            return False
        self.beginResetModel()
        self.numbers = numbers
        self._pages.clear()
        self.endResetModel()
        return True

    def set_page(self, first: int, rows: Sequence[RowText]) -> None:
        """The texts of some rows are here."""
        self._asked.discard(first)
        self._pages[first] = tuple(rows)
        self._pages.move_to_end(first)
        self._fresh.add(first)
        while len(self._pages) > _KEPT_PAGES:
            old, _ = self._pages.popitem(last=False)
            self._fresh.discard(old)
        if rows and first < len(self.numbers):
            last = min(first + len(rows), len(self.numbers)) - 1
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns)))

    def drop_page(self, first: int) -> None:
        """What was asked for will not come unless it is asked for again."""
        self._asked.discard(first)

    def set_picture(self, number: int, image: QImage) -> None:
        """The picture of a row is here; a null one says that there is none."""
        self._pictures[number] = image
        self._pictures.move_to_end(number)
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)

    def set_order(self, column: str, *, down: bool) -> None:
        """Mark the column that the rows are sorted by."""
        order = (column, "↓" if down else "↑")
        if order != self._order:
            self._order = order
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns))

    def clear_pictures(self) -> None:
        """Forget all pictures: they are of another folder."""
        self._pictures.clear()

    # --- asking ----------------------------------------------------------------------------------

    def row(self, place: int) -> RowText | None:
        """A row; None while its text is being fetched."""
        first = place - place % self._page
        found = self._pages.get(first)
        if first not in self._fresh and first not in self._asked:
            self._asked.add(first)
            self.page_wanted.emit(first)
        if found is None or place - first >= len(found):
            return None
        return found[place - first]

    @property
    def waiting(self) -> bool:
        """Whether texts that were asked for are not here yet."""
        return bool(self._asked)

    def picture(self, number: int) -> QImage | None:
        """The picture of an input; None if there is none yet."""
        return self._pictures.get(number)

    def number_at(self, place: int) -> int:
        return int(self.numbers[place])

    def place_of(self, number: int) -> int | None:
        """Where an input is listed; None if it is not."""
        found = np.flatnonzero(self.numbers == number)
        return int(found[0]) if len(found) else None

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.numbers)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else 1 + len(self.columns)

    def data(self, index: Index, role: int = _Role.DisplayRole) -> object:
        if not index.isValid() or role not in (
            _Role.DisplayRole,
            _Role.ToolTipRole,
            _Role.AccessibleTextRole,
        ):
            return None
        row = self.row(index.row())
        if row is None:
            return None
        if role == _Role.ToolTipRole:
            return row.tip
        if index.column() == 0:
            return row.title
        return row.texts[index.column() - 1]

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal or section == 0:
            return None
        column = self.columns[section - 1]
        if role == _Role.DisplayRole:
            marked = column.name == self._order[0]
            return f"{column.title} {self._order[1]}" if marked else column.title
        if role == _Role.ToolTipRole:
            return plain_text.tip(column.about)
        if role == _Role.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.numeric else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None
