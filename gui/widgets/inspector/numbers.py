"""The page Numbers: the cells of a map as a table, their histogram, and a profile along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelectionRange,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.lazy.numpy import np
from engine.render.profile import Profile
from engine.render.ticks import number_text
from gui.toolkit import mnemonics, plain_text, theme
from gui.toolkit.charts.charts import Curve, Histogram
from gui.toolkit.labels import ElidedLabel

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
NO_LINE = "Press Draw line and drag across the image, or move a line with the arrow keys."
DRAWING = "Drag across the image. Arrow keys move the line, with Shift its end; Enter ends it."


class CellModel(QAbstractTableModel):
    """The cells of a map, row 0 and column 0 at the top left of its region."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.map: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def set_map(self, map: NDArray[np.float32]) -> None:
        self.beginResetModel()
        self.map = map
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self.map.shape[0]

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else self.map.shape[1]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return number_text(float(self.map[index.row(), index.column()]))
        if role == Qt.ItemDataRole.ToolTipRole:
            value = self.map[index.row(), index.column()]
            return f"row {index.row()}, column {index.column()}: {value:.9g}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        del orientation
        return str(section) if role == Qt.ItemDataRole.DisplayRole else None


class CellTable(QTableView):
    """A table of numbers that is copied with tabs between them, as spreadsheets take it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = CellModel(self)
        self.setModel(self.cells)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.tabular(theme.small(self.font())))
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Cells of the map")
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setHighlightSections(False)
        self._fit()
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)

    def copy(self, *, everything: bool = False) -> None:
        """Copy the selected cells, or all of them, in full precision."""
        rows, columns = self.cells.map.shape
        selection = self.selectionModel().selection()
        ranges = [selection.at(place) for place in range(selection.count())]
        if everything or not ranges:
            part = self.cells.map
        else:
            top, left, bottom, right = _hull(ranges)
            part = self.cells.map[top : bottom + 1, left : right + 1]
        if rows and columns:
            lines = ("\t".join(f"{value:.9g}" for value in row) for row in part)
            QGuiApplication.clipboard().setText("\n".join(lines) + "\n")

    def copy_selected(self) -> None:
        """Copy the selected cells."""
        self.copy()

    def menu(self) -> QMenu:
        """A menu that copies cells; it deletes itself."""
        menu = mnemonics.passing_menu(self)
        menu.addAction("Copy selected cells").triggered.connect(self.copy_selected)
        menu.addAction("Copy all cells").triggered.connect(lambda: self.copy(everything=True))
        return menu

    def _open_menu(self, place: QPoint) -> None:
        self.menu().popup(self.viewport().mapToGlobal(place))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self.cells.index(0, 0))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self.viewport())
            painter.setPen(QColor(theme.current().accent))
            painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))
            painter.end()

    def event(self, event: QEvent) -> bool:
        # Ctrl+C copies the image everywhere else in the window.
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and _is_copy(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_copy(event):
            self.copy()
            event.accept()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        wide = metrics.horizontalAdvance("−0.00000") + 4 * theme.SPACE
        self.horizontalHeader().setDefaultSectionSize(wide)
        self.verticalHeader().setMinimumSectionSize(1)
        self.verticalHeader().setDefaultSectionSize(metrics.height() + theme.SPACE)


class NumbersPage(QWidget):
    """line_wanted(bool): the user wants to draw a line, or no longer. line_named('row', 'column',
    'diagonal' or 'none'): a line through the largest value, or none."""

    line_wanted = Signal(bool)
    line_named = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.table = CellTable()
        self.histogram = Histogram("Values of the map", "value", "cells")
        self.profile = Curve("Profile", "pixels along the line", "value")
        self._words = ElidedLabel("dim")
        self.draw = _button(
            "Draw line",
            "Drag a line across the image, or move it with the arrow keys, with Shift its end",
        )
        self.draw.setCheckable(True)
        self.row = _button("Row", "A line through the row of the largest value")
        self.column = _button("Column", "A line through the column of the largest value")
        self.diagonal = _button("Diagonal", "A line down to the right through the largest value")
        self.none = _button("Remove", "Remove the line")
        self._named = (
            (self.row, "row"),
            (self.column, "column"),
            (self.diagonal, "diagonal"),
            (self.none, "none"),
        )
        self._lay_out()
        self.draw.toggled.connect(self._tell_how)
        self.draw.toggled.connect(self.line_wanted)
        for button, name in self._named:
            button.clicked.connect(lambda _on=False, name=name: self.line_named.emit(name))
        self.set_map(None, "")

    def set_map(self, map: NDArray[np.float32] | None, words: str) -> None:
        """Show the cells of a map, and which map it is; None for none."""
        empty: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.table.cells.set_map(empty if map is None else map)
        self.histogram.set_values(empty if map is None else map)
        self._words.show_text(words)
        for button in (self.draw, self.row, self.column, self.diagonal):
            button.setEnabled(map is not None)

    def set_profile(self, profile: Profile | None) -> None:
        """Show the values along the line; None for no line."""
        nothing = np.zeros(0)
        found = (nothing, nothing) if profile is None else (profile.distances, profile.values)
        outside = profile is not None and not np.isfinite(profile.values).any()
        self.profile.set_points(*found)
        self.none.setEnabled(profile is not None)
        if profile is None:
            self._tell_how()
        else:
            self.profile.set_message("The line is outside the map." if outside else "")

    def drawing_ended(self) -> None:
        """The line was drawn."""
        self.draw.setChecked(False)

    def _tell_how(self) -> None:
        """Say how a line is drawn while there is none."""
        if not self.none.isEnabled():
            self.profile.set_message(DRAWING if self.draw.isChecked() else NO_LINE)

    def _lay_out(self) -> None:
        body = QHBoxLayout(self)
        body.setContentsMargins(2 * theme.SPACE, theme.SPACE, theme.SPACE, 0)
        body.setSpacing(2 * theme.SPACE)
        cells = QVBoxLayout()
        cells.setSpacing(theme.SPACE)
        cells.addWidget(self._words)
        cells.addWidget(self.table, 1)
        body.addLayout(cells, 3)
        body.addWidget(self.histogram, 2)
        line = QVBoxLayout()
        line.setSpacing(0)
        tools = QHBoxLayout()
        tools.setSpacing(theme.SPACE)
        for button in (self.draw, *(button for button, _ in self._named)):
            tools.addWidget(button)
        tools.addStretch(1)
        line.addLayout(tools)
        line.addWidget(self.profile, 1)
        body.addLayout(line, 2)


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(plain_text.entry(text))
    button.setToolTip(plain_text.tip(tip))
    return button


def _is_copy(event: QKeyEvent) -> bool:
    return event.matches(QKeySequence.StandardKey.Copy)


def _hull(ranges: list[QItemSelectionRange]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the smallest rectangle with all ranges in it."""
    return (
        min(one.top() for one in ranges),
        min(one.left() for one in ranges),
        max(one.bottom() for one in ranges),
        max(one.right() for one in ranges),
    )
