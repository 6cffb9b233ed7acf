"""The folder page: head, filters, rows, and what all of them together tell."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label
from gui.widgets.folder.chips import FilterBar
from gui.widgets.folder.figures.charts import BrushHistogram
from gui.widgets.folder.figures.side import SidePanel
from gui.widgets.folder.head import FolderHead
from gui.widgets.folder.model import RowModel
from gui.widgets.folder.rows import ShownColumn
from gui.widgets.folder.views import RowViews

GAP = theme.SPACE
_SIDE = 88 * GAP


class FolderPage(QWidget):
    """All widgets of the page. page: how many rows are fetched at once."""

    def __init__(self, columns: Sequence[ShownColumn], page: int) -> None:
        super().__init__()
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = RowModel(self, columns, page)
        self.head = FolderHead()
        self.filters = FilterBar()
        self.rows = RowViews(self.model)
        self._message = label("", "dim")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self.histogram = BrushHistogram()
        self.histogram.hide()
        self.side = SidePanel(columns)
        self.room = QStackedWidget()
        self.room.addWidget(self.rows)
        self.room.addWidget(self._message)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.filters)
        column.addWidget(self.room, 1)
        column.addWidget(self.histogram)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        self.columns.setHandleWidth(1)
        self.columns.setChildrenCollapsible(False)
        self.columns.addWidget(left)
        self.columns.addWidget(self.side)
        self.columns.setStretchFactor(0, 1)
        self.columns.setStretchFactor(1, 0)
        self.columns.setCollapsible(1, True)
        self.columns.setSizes([10_000, _SIDE])
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.head)
        box.addWidget(self.columns, 1)
        self.filters.left.connect(self.focus_rows)

    def set_message(self, text: str) -> None:
        """Show a text in place of the rows; '' shows the rows."""
        self._message.show_text(plain_text.paragraph(text))
        self.room.setCurrentWidget(self._message if text else self.rows)

    def focus_rows(self) -> None:
        """Give the keyboard to the rows."""
        self.rows.view.setFocus()
        if not self.rows.view.currentIndex().isValid() and self.model.rowCount():
            self.rows.view.setCurrentIndex(self.model.index(0, 0))
