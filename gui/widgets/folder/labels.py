"""The dialog that says which class each label is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label
from gui.toolkit.scrolling import scrolled

GAP = theme.SPACE
_NONE = -1
"""In place of the index of a class: it has none, whatever its name is."""
MOST = 400
"""Labels that are shown; the ones without a class come first."""


class LabelDialog(QDialog):
    """chosen(dict from label to index of a class): OK was pressed."""

    chosen = Signal(object)

    def __init__(
        self,
        parent: QWidget,
        labels: Mapping[str, int],
        found: Mapping[str, int],
        classes: Sequence[str],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Match labels")
        self._found = dict(found)
        self.boxes: dict[str, QComboBox] = {}
        grid = self._grid(labels, [plain_text.line(name) for name in classes])
        words = label("Which class of the network is each label? Images count as right by it.")
        words.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        column_box = QVBoxLayout(self)
        column_box.setSpacing(3 * GAP)
        column_box.addWidget(words)
        column_box.addWidget(scrolled(grid), 1)
        column_box.addWidget(buttons)
        self.resize(120 * GAP, min(150, 40 + 7 * len(self.boxes)) * GAP)

    def _grid(self, labels: Mapping[str, int], classes: Sequence[str]) -> QGridLayout:
        """A row with a box for each label; those without a class come first."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnStretch(0, 1)
        order = sorted(labels, key=lambda one: one in self._found)[:MOST]
        for row, name in enumerate(order):
            said = ElidedLabel()
            said.show_text(name)
            count = label(f"{labels[name]:,}", "dim")
            count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.boxes[name] = box = self._box(name, classes)
            for column, widget in enumerate((said, count, box)):
                grid.addWidget(widget, row, column)
        grid.setRowStretch(len(order), 1)
        return grid

    def _box(self, name: str, classes: Sequence[str]) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(plain_text.line(f"Class of {name}"))
        box.addItem("no class", _NONE)
        for number, title in enumerate(classes):
            box.addItem(title, number)
        box.setCurrentIndex(box.findData(self._found.get(name, _NONE)))
        box.setMinimumWidth(50 * GAP)
        return box

    def _accept(self) -> None:
        chosen = dict(self._found)
        for name, box in self.boxes.items():
            number = box.currentData()
            chosen.pop(name, None)
            # A label that is given no class must not be matched by its name again.
            chosen[name] = number
        self.chosen.emit(chosen)
        self.accept()
