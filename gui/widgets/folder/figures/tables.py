"""A small table of figures that sorts by its columns, for classes and differences."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QMenu, QTableView

from gui.toolkit import mnemonics, plain_text, theme
from gui.toolkit.charts.figure import values_text

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
# So that five columns have room beside each other in the panel of a window of 1024 pixels.
_LEAST_NAME = 16 * theme.SPACE
_Role = Qt.ItemDataRole
Value = str | int | float | None


class FigureModel(QAbstractTableModel):
    """Rows of (key, values). A float is a share, shown in percent."""

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self.titles = tuple(titles)
        self.rows: list[tuple[object, tuple[Value, ...]]] = []
        self._order = (-1, Qt.SortOrder.AscendingOrder)

    def set_rows(self, rows: Sequence[tuple[object, tuple[Value, ...]]]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.beginResetModel()
        self._order = (column, order)
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        column, order = self._order
        if column < 0:
            return
        down = order == Qt.SortOrder.DescendingOrder
        known = [row for row in self.rows if row[1][column] is not None]
        known.sort(key=lambda row: row[1][column], reverse=down)  # type: ignore[arg-type,return-value]
        self.rows = known + [row for row in self.rows if row[1][column] is None]

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.titles)

    def data(self, index: Index, role: int = _Role.DisplayRole) -> object:
        if not index.isValid():
            return None
        value = self.rows[index.row()][1][index.column()]
        if role == _Role.DisplayRole:
            return _text(value)
        if role == _Role.ToolTipRole and isinstance(value, str):
            return plain_text.tip(value)
        if role == _Role.TextAlignmentRole:
            return _side(isinstance(value, str))
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == _Role.DisplayRole:
            return self.titles[section]
        return _side(section == 0) if role == _Role.TextAlignmentRole else None


class FigureTable(QTableView):
    """chosen(key): a row was clicked, or Enter pressed on it. save_wanted(table, 'values'): from
    its menu.

    name: its title; across, up: what the axes of a chart would be, always ''.
    """

    chosen = Signal(object)
    save_wanted = Signal(object, str)
    across = up = ""

    def __init__(self, name: str, titles: Sequence[str]) -> None:
        super().__init__()
        self.name = name
        self.figures = FigureModel(titles)
        self.setModel(self.figures)
        self.setObjectName("figures")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setFont(theme.tabular(theme.small(self.font())))
        self.setAccessibleName(plain_text.line(name))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(6 * theme.SPACE)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(10 * theme.SPACE)
        header.setFont(theme.small(self.font()))
        self.setSortingEnabled(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.clicked.connect(self._choose)

    def set_rows(self, rows: Sequence[tuple[object, tuple[Value, ...]]]) -> None:
        """Show other rows, in the order that was chosen."""
        self.figures.set_rows(rows)
        self._fit()

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Value]]]:
        """Column titles and the rows in the order that they are shown in; shares from 0 to 1."""
        return self.figures.titles, [values for _, values in self.figures.rows]

    def values(self, separator: str = "\t") -> str:
        """The rows as text, one a line, in full precision."""
        return values_text(*self.rows(), separator)

    def menu(self) -> QMenu:
        """A menu that copies and saves the rows; it deletes itself."""
        menu = mnemonics.passing_menu(self)
        board = QGuiApplication.clipboard()
        menu.addAction("Copy values").triggered.connect(lambda: board.setText(self.values()))
        save = menu.addAction("Save values…")
        save.triggered.connect(lambda: self.save_wanted.emit(self, "values"))
        for action in menu.actions():
            action.setEnabled(bool(self.figures.rows))
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu().popup(event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Numbers take what they need, and names the rest."""
        header, room = self.horizontalHeader(), self.viewport().width()
        metrics = header.fontMetrics()
        for column in range(1, len(self.figures.titles)):
            # With room for the arrow of the order.
            title = metrics.horizontalAdvance(self.figures.titles[column]) + 6 * theme.SPACE
            wide = max(title, self.sizeHintForColumn(column) + theme.SPACE)
            self.setColumnWidth(column, wide)
            room -= wide
        self.setColumnWidth(0, max(_LEAST_NAME, room))

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.figures.rows[index.row()][0])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return plain_text.line(value)
    return f"{100 * value:.1f} %" if isinstance(value, float) else f"{value:,}"


def _side(left: bool) -> int:
    side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
    return int(side | Qt.AlignmentFlag.AlignVCenter)
