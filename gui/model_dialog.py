"""Which network to open: one of torchvision's names, with or without a weights file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSortFilterProxyModel, QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.file_dialogs import weights_dialog
from gui.labels import ElidedLabel


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """name: torchvision's name of the architecture. weights: None for the default weights."""

    name: str
    weights: Path | None


def guess(names: Sequence[str], weights: Path) -> str | None:
    """The architecture that a file's name begins with: 'resnet50-0676ba61.pth' is a resnet50."""
    stem = weights.name.lower().replace("-", "_")
    fitting = [name for name in names if stem.startswith(name.lower())]
    return max(fitting, key=len, default=None)


class ModelDialog(QDialog):
    """Filterable list of names. chosen(ModelChoice): open this.

    names: all that torchvision offers; while they are empty, 'Loading…' stands in their place.
    weights: a file that was dropped; it is then fixed and only its architecture is asked for.
    folder: where the file dialog begins.
    """

    chosen = Signal(ModelChoice)

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        weights: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fixed = weights is not None
        self.setWindowTitle("Open weights" if fixed else "Open a torchvision model")
        self._folder = folder
        self._weights: Path | None = None
        self._filter = _FilterField()
        self._source = QStringListModel(self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._source)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._list = QListView()
        self._list.setModel(self._shown)
        self._list.setProperty("rows", True)
        self._list.ensurePolished()
        self._list.setUniformItemSizes(True)
        self._list.setAccessibleName("Architectures")
        self._list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self._file = ElidedLabel("dim")
        self._pick = QPushButton("Choose…")
        self._clear = QPushButton("Default")
        self._open = QPushButton("Open")
        self._lay_out(fixed)
        self._filter.textChanged.connect(self._narrow)
        self._filter.stepped.connect(self._step)
        self._list.selectionModel().currentChanged.connect(self._refresh)
        self._list.doubleClicked.connect(self._finish)
        self._pick.clicked.connect(self._pick_weights)
        self._clear.clicked.connect(lambda: self.set_weights(None))
        self._open.clicked.connect(self._finish)
        self.set_names(names)
        self.set_weights(weights)

    def set_names(self, names: Sequence[str]) -> None:
        """Shows these names and moves to the one that the weights file's name suggests."""
        self._source.setStringList(list(names))
        self._filter.setPlaceholderText("Filter by name" if names else "Loading the names…")
        self.set_weights(self._weights)

    def set_weights(self, path: Path | None) -> None:
        """Takes a weights file, or the default weights for None."""
        self._weights = path
        self._file.setText(path.name if path else "default")
        self._file.setToolTip(
            str(path) if path else "torchvision's own weights, where they are on this computer"
        )
        self._clear.setEnabled(path is not None)
        name = guess(self._source.stringList(), path) if path else None
        if name is not None and not self._filter.text():
            row = self._source.stringList().index(name)
            self._go(self._shown.mapFromSource(self._source.index(row)).row())
        elif not self._list.currentIndex().isValid():
            self._go(0)
        self._refresh()

    def name(self) -> str:
        """The name that is chosen now; '' for none."""
        text = self._list.currentIndex().data()
        return text if isinstance(text, str) else ""

    def _lay_out(self, fixed: bool) -> None:
        title = QLabel("Which architecture are these weights for?" if fixed else "Architecture")
        title.setProperty("role", "header")
        file_row = QHBoxLayout()
        file_row.addWidget(QLabel("Weights"))
        file_row.addWidget(self._file, 1)
        for button in (self._clear, self._pick):
            button.setVisible(not fixed)
            button.setAutoDefault(False)
            file_row.addWidget(button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self._open, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(8)
        for widget in (title, self._filter, self._list):
            box.addWidget(widget)
        box.addLayout(file_row)
        box.addWidget(buttons)
        self._open.setDefault(True)  # only counts once the dialog owns the button
        self.resize(440, 480)

    def _narrow(self, text: str) -> None:
        here = self.name()
        self._shown.setFilterFixedString(text.strip())
        if self.name() != here or not self.name():
            self._go(0)
        self._refresh()

    def _step(self, by: int) -> None:
        self._go(self._list.currentIndex().row() + by)

    def _go(self, row: int) -> None:
        row = min(max(row, 0), self._shown.rowCount() - 1)
        self._list.setCurrentIndex(self._shown.index(row, 0))
        self._list.scrollTo(self._list.currentIndex())

    def _refresh(self) -> None:
        self._open.setEnabled(bool(self.name()))

    def _pick_weights(self) -> None:
        dialog = weights_dialog(self, self._folder)
        dialog.fileSelected.connect(lambda path: self.set_weights(Path(path)))
        dialog.open()

    def _finish(self) -> None:
        if self.name():
            self.chosen.emit(ModelChoice(self.name(), self._weights))
            self.accept()


class _FilterField(QLineEdit):
    """stepped(±1): the arrow keys walk the list while typing goes on."""

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Filter by name")
        self.setClearButtonEnabled(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.stepped.emit(1 if event.key() == Qt.Key.Key_Down else -1)
        else:
            super().keyPressEvent(event)
