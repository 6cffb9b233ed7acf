"""The list of an image's edits: each can be switched off, selected and removed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy

from engine.records.edits import Edit
from gui.toolkit import plain_text, theme
from gui.widgets.edits.words import note_of, words_of

_ROW, _MOST_ROWS = 28, 6


class EditList(QListWidget):
    """chosen(place), switched(place, on), removed(place): by the user. menu_wanted(QPoint on the
    screen)."""

    chosen = Signal(int)
    switched = Signal(int, bool)
    removed = Signal(int)
    menu_wanted = Signal(QPoint)

    def __init__(self) -> None:
        super().__init__()
        self._silent = False
        self.setUniformItemSizes(True)
        self.setProperty("rows", True)
        self.setAccessibleName("Edits")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.currentRowChanged.connect(self._moved)
        self.itemChanged.connect(self._changed)

    def show_edits(self, edits: Sequence[Edit], selected: int) -> None:
        """Show these, in their order, without a signal. selected: -1 for none."""
        self._silent = True
        while self.count() > len(edits):
            self.takeItem(self.count() - 1)
        while self.count() < len(edits):
            self.addItem(QListWidgetItem())
        for place, edit in enumerate(edits):
            item, note = self.item(place), note_of(edit)
            text = f"{words_of(edit)} · {note}" if note else words_of(edit)
            item.setText(plain_text.line(text))
            item.setToolTip(plain_text.tip(text))
            item.setSizeHint(QSize(0, _ROW))
            item.setCheckState(Qt.CheckState.Checked if edit.on else Qt.CheckState.Unchecked)
        self.setCurrentRow(selected)
        if selected < 0:
            self.clearSelection()
        self._silent = False
        self.setVisible(bool(edits))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        rows = min(max(1, self.count()), _MOST_ROWS)
        return QSize(160, rows * _ROW + theme.SPACE)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.currentRow() >= 0:
            self.removed.emit(self.currentRow())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(event.globalPos())

    def _moved(self, row: int) -> None:
        if not self._silent:
            self.chosen.emit(row)

    def _changed(self, item: QListWidgetItem) -> None:
        if not self._silent:
            self.switched.emit(self.row(item), item.checkState() == Qt.CheckState.Checked)
