"""The dialog for one figure of each open image: where they go, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.file_dialogs import folder_dialog
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label

OWN, SAME = "own", "same"
_GAP: Final = theme.SPACE
_MOST_LEFT_OUT: Final = 5


class BatchDialog(QDialog):
    """Asks and reports; the window stays in use meanwhile. Closing it stops nothing.

    start_requested(folder, whether all images have the class on the screen). stop_requested.
    """

    start_requested = Signal(Path, bool)
    stop_requested = Signal()

    def __init__(
        self, count: int, suffix: str, shown_class: str, folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("One figure for each image")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._folder = folder
        self._running = False
        kind = suffix.removeprefix(".").upper()
        self._about = label(
            f"{count:,} open images, one {kind} file each, in the form that you have chosen."
        )
        self._about.setWordWrap(True)
        self._where = ElidedLabel()
        self._choose = QPushButton("Choose…")
        self._classes = QComboBox()
        self._classes.addItem("Chosen for it, or most probable", OWN)
        self._classes.addItem(plain_text.line(shown_class, plain_text.SHORT), SAME)
        self._classes.setAccessibleName("Class of each image")
        self._bar = QProgressBar()
        self._bar.setRange(0, count)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Figures written")
        self._words = ElidedLabel("dim")
        self._left_out = label("", "warning")
        self._left_out.setWordWrap(True)
        self._go = QPushButton("Start")
        self._close = QPushButton("Close")
        self._lay_out()
        self._show_folder()
        self._choose.clicked.connect(self._ask_folder)
        self._go.clicked.connect(self._press)
        self._close.clicked.connect(self.close)

    @property
    def words(self) -> str:
        """What is said about the progress."""
        return self._words.text()

    def set_folder(self, folder: Path) -> None:
        """Write into another folder."""
        self._folder = folder
        self._show_folder()

    def choose_classes(self, value: str) -> None:
        """OWN or SAME."""
        self._classes.setCurrentIndex(self._classes.findData(value))

    def start(self) -> None:
        """As the button does."""
        self._go.click()

    def show_progress(self, done: int, words: str) -> None:
        """So many images are done."""
        self._bar.setValue(done)
        self._words.show_text(words)

    def show_end(self, words: str, left_out: Sequence[str]) -> None:
        """It has ended. left_out: why an image has no figure, for each that has none."""
        self._running = False
        self._words.show_text(words)
        shown = list(left_out[:_MOST_LEFT_OUT])
        if len(left_out) > len(shown):
            shown.append(f"and {len(left_out) - len(shown):,} more")
        self._left_out.show_text("\n".join(shown))
        self._left_out.setToolTip(plain_text.tip("\n".join(left_out)))
        self._go.hide()
        self._close.setDefault(True)

    def _press(self) -> None:
        if self._running:
            self._go.setEnabled(False)
            self._words.show_text("Stopping…")
            self.stop_requested.emit()
            return
        self._running = True
        self._go.setText("Stop")
        self._go.setDefault(False)
        for widget in (self._choose, self._classes):
            widget.setEnabled(False)
        self.start_requested.emit(self._folder, self._classes.currentData() == SAME)

    def _ask_folder(self) -> None:
        dialog = folder_dialog(self, self._folder)
        dialog.setWindowTitle("Folder for the figures")
        dialog.fileSelected.connect(lambda path: self.set_folder(Path(path)))
        dialog.open()

    def _show_folder(self) -> None:
        self._where.show_text(str(self._folder))

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * _GAP)
        grid.setVerticalSpacing(2 * _GAP)
        grid.setColumnStretch(1, 1)
        grid.addWidget(label("Folder", "dim"), 0, 0)
        grid.addWidget(self._where, 0, 1)
        grid.addWidget(self._choose, 0, 2)
        grid.addWidget(label("Class", "dim"), 1, 0)
        grid.addWidget(self._classes, 1, 1, 1, 2)
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * _GAP)
        buttons.addStretch(1)
        buttons.addWidget(self._close)
        buttons.addWidget(self._go)
        for button in (self._choose, self._close):
            button.setAutoDefault(False)
        self._go.setDefault(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(4 * _GAP, 4 * _GAP, 4 * _GAP, 3 * _GAP)
        box.setSpacing(2 * _GAP)
        box.addWidget(self._about)
        box.addWidget(
            label("A file that is there already is kept; the new one gets a number.", "dim")
        )
        box.addLayout(grid)
        box.addSpacing(_GAP)
        box.addWidget(self._bar)
        box.addWidget(self._words)
        box.addWidget(self._left_out)
        box.addStretch(1)
        box.addLayout(buttons)
        self.resize(110 * _GAP, 64 * _GAP)
