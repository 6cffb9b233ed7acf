"""The Qt item model of the panel's rows, with a heading above each section."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from gui.toolkit import plain_text
from gui.widgets.choices.rows import Choice

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


class ChoiceModel(QAbstractListModel):
    """Rows and the headings between them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: list[Choice | str] = []

    def show(self, rows: Sequence[Choice]) -> None:
        """Show these rows, each section under its heading."""
        items: list[Choice | str] = []
        section = ""
        for row in rows:
            if row.section != section:
                section = row.section
                items.append(section)
            items.append(row)
        if len(items) == len(self._items) and self._items:
            # In place: a list that is reset loses its current row and its scroll position.
            self._items = items
            self.dataChanged.emit(self.index(0, 0), self.index(len(items) - 1, 0))
            return
        self.beginResetModel()
        self._items = items
        self.endResetModel()

    def at(self, index: Index) -> Choice | None:
        """The choice of a row; None for a heading."""
        item = self._items[index.row()] if index.isValid() else None
        return item if isinstance(item, Choice) else None

    def heading(self, index: Index) -> str:
        """The text of a heading; '' for a choice."""
        item = self._items[index.row()] if index.isValid() else None
        return item if isinstance(item, str) else ""

    def row_of(self, id: str) -> int:
        """The first row of an id; -1 if there is none."""
        found = (n for n, i in enumerate(self._items) if isinstance(i, Choice) and i.id == id)
        return next(found, -1)

    def row_of_place(self, place: int) -> int:
        """The row of the choice at a place among all choices; -1 if there is none."""
        rows = [n for n, item in enumerate(self._items) if isinstance(item, Choice)]
        return rows[place] if 0 <= place < len(rows) else -1

    def step(self, row: int, by: int) -> int:
        """The next row with a choice, by > 0 downwards; the same row at the ends."""
        there = row + by
        while 0 <= there < len(self._items):
            if isinstance(self._items[there], Choice):
                return there
            there += 1 if by > 0 else -1
        return row

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self._items)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.at(index) is None:
            return Qt.ItemFlag.NoItemFlags
        # One that cannot be had can be walked to as well: its reason is there to be read.
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.at(index)
        if row is None:
            named = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return plain_text.line(self.heading(index)) if named else None
        if role == Qt.ItemDataRole.DisplayRole:
            return plain_text.line(row.title)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return plain_text.line(spoken(row))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return plain_text.line(row.tip.replace("\n", ", "))
        if role == Qt.ItemDataRole.ToolTipRole:
            # A reason may be longer than its row.
            return plain_text.tip("\n".join(text for text in (row.reason, row.tip) if text))
        return None


def spoken(row: Choice) -> str:
    """The row for a screen reader."""
    name = f"{row.title} {row.note}".strip()
    used = "in use" if row.chosen else ""
    said = f"not available: {row.reason}" if row.reason else row.line
    return ", ".join(part for part in (name, used, row.cost, said) if part)
