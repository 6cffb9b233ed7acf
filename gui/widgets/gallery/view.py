"""The table of the gallery and its filter field."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
)

from gui.toolkit import theme
from gui.toolkit.labels import label
from gui.widgets.gallery.model import Column, GalleryRows, Index

_MARK = 16
# Minimum width of a column, and its longest text.
_WIDTHS = {
    Column.ACCURACY: (64, "↓ Top-1"),
    Column.PARAMETERS: (80, "↓ Params"),
    Column.SIZE: (64, "2,888"),
    Column.DISK: (72, "↓ On disk"),
}


_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class GalleryTable(QTreeView):
    """The table, with a message if there are no rows. confirmed: Enter on a row."""

    confirmed = Signal()

    def __init__(self, rows: GalleryRows) -> None:
        super().__init__()
        self.setModel(rows)
        self.setAccessibleName("Models")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setProperty("rows", True)
        self.setItemDelegate(_Delegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Columns must not move when the filter leaves few rows.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(lambda low, high: bar.setEnabled(high > low))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSortIndicatorShown(False)  # the arrow in the header text does not cover the text
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        for column, (least, longest) in _WIDTHS.items():
            words = self.fontMetrics().horizontalAdvance(longest)
            header.resizeSection(column, max(least, words + 4 * theme.SPACE))
        names = self.fontMetrics().horizontalAdvance("shufflenet_v2_x0_5") + 4 * theme.SPACE
        figures = sum(header.sectionSize(column) for column in _WIDTHS)
        self.setMinimumWidth(names + figures + bar.sizeHint().width())
        self._empty = label(role="dim")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        cover = QVBoxLayout(self.viewport())
        cover.addWidget(self._empty)

    def set_empty_text(self, text: str) -> None:
        """Set the message shown while there are no rows."""
        self._empty.show_text(text)
        self._empty.setVisible(self.model().rowCount() == 0)

    def step(self, by: int) -> None:
        self.choose(self.currentIndex().row() + by)

    def choose(self, row: int) -> None:
        """Select the row, or the nearest existing one."""
        row = min(max(row, 0), self.model().rowCount() - 1)
        index: QModelIndex = self.model().index(row, 0)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Not passed on to the dialog, which would press its default button as well.
        if event.key() in _ENTER:
            self.confirmed.emit()
        else:
            super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Centres the check mark in the column 'On disk'."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if index.column() == Column.DISK:
            option.decorationSize = QSize(option.rect.width() - 8, _MARK)
            option.decorationAlignment = Qt.AlignmentFlag.AlignCenter


class FilterField(QLineEdit):
    """stepped(±1): up or down arrow, to move in the list while typing. confirmed: Enter."""

    stepped = Signal(int)
    confirmed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Filter by name")
        self.setPlaceholderText("Filter by name")
        self.setClearButtonEnabled(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.stepped.emit(1 if event.key() == Qt.Key.Key_Down else -1)
        elif event.key() in _ENTER:
            self.confirmed.emit()
        else:
            super().keyPressEvent(event)
