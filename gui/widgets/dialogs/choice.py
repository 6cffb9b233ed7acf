"""Dialogs to choose weights or an architecture from a short list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLocale, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.escaping import LINE
from engine.files.suffixes import WEIGHTS
from engine.questions import WhichArchitecture, WhichStateDict, WhichWeights
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

_ROW = 28
_NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _ListDialog(QDialog):
    """A dialog with a heading, a sentence, a list to choose from, and Open."""

    def __init__(self, title: str, heading: str, words: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(plain_text.title(title))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._list = QTreeWidget()
        self._list.setProperty("rows", True)
        self._list.setAccessibleName(plain_text.line(heading))
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setRootIsDecorated(False)
        self._list.setHeaderHidden(True)
        self._list.setUniformRowHeights(True)
        self._open = QPushButton("Open")
        self._open.setEnabled(False)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._buttons.addButton(self._open, QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.rejected.connect(self.reject)
        head = label(heading, "header")
        head.setWordWrap(True)
        explained = label(words, "dim")
        explained.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(8)
        box.addWidget(head)
        box.addWidget(explained)
        box.addSpacing(theme.SPACE)
        box.addWidget(self._list, 1)
        box.addSpacing(theme.SPACE)
        box.addWidget(self._buttons)
        self._open.setDefault(True)
        self._open.clicked.connect(self._press)
        self._list.itemActivated.connect(self._press)
        self._list.currentItemChanged.connect(lambda now: self._open.setEnabled(now is not None))
        self.resize(440, 320)

    def _fill(self, rows: Sequence[tuple[object, tuple[str, ...]]]) -> None:
        """Show rows of (value, texts) and select the first; the first column stretches."""
        self._list.setColumnCount(max((len(texts) for _, texts in rows), default=1))
        for value, texts in rows:
            item = QTreeWidgetItem([plain_text.line(text) for text in texts])
            item.setData(0, Qt.ItemDataRole.UserRole, value)
            item.setToolTip(0, plain_text.tip(plain_text.line(str(value), LINE)))
            item.setSizeHint(0, QSize(0, _ROW))
            for column in range(1, len(texts)):
                item.setFont(column, theme.tabular(theme.small(self.font())))
                item.setTextAlignment(column, _NUMBERS)
            self._list.addTopLevelItem(item)
        header = self._list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        first = self._list.topLevelItem(0)
        if first is not None:
            self._list.setCurrentItem(first)

    def _press(self) -> None:
        item = self._list.currentItem()
        # Enter on a row is reported by the list and, passed on, by the default button as well.
        if item is not None and self.result() != QDialog.DialogCode.Accepted:
            self._choose(item.data(0, Qt.ItemDataRole.UserRole))

    def _choose(self, value: object) -> None:
        raise NotImplementedError


class ArchitectureDialog(_ListDialog):
    """Asks which of several matching architectures the weights belong to. chosen(str)."""

    chosen = Signal(str)

    def __init__(self, question: WhichArchitecture, parent: QWidget | None = None) -> None:
        super().__init__(
            "Choose architecture",
            f"{question.path.name} matches several architectures",
            "Their weights have the same names and shapes, but they compute differently. "
            "The most likely one is listed first.",
            parent,
        )
        self._fill([(name, (name,)) for name in question.candidates])

    def _choose(self, value: object) -> None:
        self.chosen.emit(str(value))
        self.accept()


class StateDictDialog(_ListDialog):
    """Asks which of several networks in a weights file to open. chosen(str)."""

    chosen = Signal(str)

    def __init__(self, question: WhichStateDict, parent: QWidget | None = None) -> None:
        super().__init__(
            "Choose weights",
            f"{question.path.name} contains several networks",
            "Each is named by its place in the file. Averaged weights (EMA) are a smoothed copy of "
            "the plain ones.",
            parent,
        )
        self._fill([(key, (key,)) for key in question.keys])

    def _choose(self, value: object) -> None:
        self.chosen.emit(str(value))
        self.accept()


class WeightsDialog(_ListDialog):
    """Asks for the weights file of a network. chosen(Path)."""

    chosen = Signal(object)

    def __init__(self, question: WhichWeights, parent: QWidget | None = None) -> None:
        found = question.found
        super().__init__(
            "Choose weights",
            f"Which file contains the weights of {question.path.name}?",
            "Files in the same folder, most likely first."
            if found
            else "No matching file in the same folder.",
            parent,
        )
        self._path = question.path
        browse = self._buttons.addButton("Choose file…", QDialogButtonBox.ButtonRole.ActionRole)
        browse.setAutoDefault(False)
        browse.clicked.connect(self.browse)
        self._fill([(path, (path.name, *_facts(path))) for path in found])
        self._list.setVisible(bool(found))
        if not found:
            self._open.hide()
            browse.setDefault(True)
            self.resize(440, 0)

    def browse(self) -> None:
        """Open the file dialog; its result is the answer."""
        dialog = QFileDialog(self, "Choose weights", str(self._path.parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        endings = " ".join(f"*{suffix}" for suffix in sorted(WEIGHTS))
        dialog.setNameFilters([f"Weights ({endings})", "All files (*)"])
        dialog.fileSelected.connect(lambda path: self._choose(Path(path)))
        dialog.open()

    def _choose(self, value: object) -> None:
        self.chosen.emit(value)
        self.accept()


def _facts(path: Path) -> tuple[str, str]:
    """Size and modification time of a file, if it still exists."""
    try:
        facts = path.stat()
    except OSError:
        return "", ""
    size = QLocale().formattedDataSize(facts.st_size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
    return size, f"{datetime.fromtimestamp(facts.st_mtime):%Y-%m-%d %H:%M}"
