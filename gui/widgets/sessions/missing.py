"""The list of files that a session needs and that are not where they were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

_WIDTH, _HEIGHT = 640, 264
_ROW = 6 * theme.SPACE
_PATH = Qt.ItemDataRole.UserRole
_ADVICE = (
    "Locate one, and others that were moved with it are found as well. Everything else in the "
    "session is open."
)


class MissingDialog(QDialog):
    """A non-modal list of files, by their paths as they were.

    locate_wanted(path): the user knows where it is. left_out(list of paths): go on without them.
    """

    locate_wanted = Signal(str)
    left_out = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Missing files")
        self._heading = label("", "header")
        self._heading.setWordWrap(True)
        advice = label(_ADVICE, "dim")
        advice.setWordWrap(True)
        self._list = QTreeWidget()
        self._list.setAccessibleName("Missing files")
        self._list.setProperty("rows", True)
        self._list.setRootIsDecorated(False)
        self._list.setUniformRowHeights(True)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setHeaderLabels(["File", "Was in"])
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self._list.setColumnWidth(0, 2 * _WIDTH // 5)
        self._list.itemSelectionChanged.connect(self._show_buttons)
        self._list.itemActivated.connect(lambda item: self.locate_wanted.emit(item.data(0, _PATH)))
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(2 * theme.SPACE)
        box.addWidget(self._heading)
        box.addWidget(advice)
        box.addWidget(self._list, 1)
        box.addWidget(self._buttons())
        self.resize(_WIDTH, _HEIGHT)

    def show_files(self, files: Sequence[tuple[str, str]], session: str) -> None:
        """List files, each (name, path as it was). session: its name, '' for none."""
        of = plain_text.line(session) if session else "this session"
        one = len(files) == 1
        count, verb = ("1 file", "is") if one else (f"{len(files):,} files", "are")
        was = "it was" if one else "they were"
        self._heading.setText(f"{count} of {of} {verb} not where {was}")
        self._list.clear()
        for name, path in files:
            folder = str(PurePath(path).parent) if "\\" not in path else path.rpartition("\\")[0]
            item = QTreeWidgetItem([plain_text.line(name), plain_text.line(folder, 300)])
            item.setData(0, _PATH, path)
            item.setSizeHint(0, QSize(0, _ROW))
            item.setToolTip(0, plain_text.tip(name))
            item.setToolTip(1, plain_text.tip(path))
            self._list.addTopLevelItem(item)
        first = self._list.topLevelItem(0)
        if first is not None:
            self._list.setCurrentItem(first)
        self._show_buttons()

    @property
    def names(self) -> list[str]:
        """The names that are listed."""
        items = (self._list.topLevelItem(row) for row in range(self._list.topLevelItemCount()))
        return [item.text(0) for item in items if item is not None]

    def _buttons(self) -> QDialogButtonBox:
        role = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        self._locate = QPushButton("Locate…")
        self._locate.clicked.connect(self._locate_selected)
        self._leave = QPushButton("Leave out")
        self._leave.clicked.connect(lambda: self.left_out.emit(self._selected()))
        self._leave_all = QPushButton("Leave all out")
        self._leave_all.clicked.connect(lambda: self.left_out.emit(self._all()))
        later = QPushButton("Later")
        later.setToolTip("They stay in the session, and are asked for when it is opened again")
        for button in (self._locate, self._leave, self._leave_all):
            button.setAutoDefault(False)
            buttons.addButton(button, role.ActionRole)
        buttons.addButton(later, role.RejectRole)
        later.setAutoDefault(False)
        self._locate.setDefault(True)
        buttons.rejected.connect(self.reject)
        return buttons

    def _selected(self) -> list[str]:
        return [item.data(0, _PATH) for item in self._list.selectedItems()]

    def _all(self) -> list[str]:
        items = (self._list.topLevelItem(row) for row in range(self._list.topLevelItemCount()))
        return [item.data(0, _PATH) for item in items if item is not None]

    def _locate_selected(self) -> None:
        selected = self._selected()
        if selected:
            self.locate_wanted.emit(selected[0])

    def _show_buttons(self) -> None:
        count = len(self._list.selectedItems())
        self._locate.setEnabled(count == 1)
        self._leave.setEnabled(count > 0)
        self._leave_all.setVisible(self._list.topLevelItemCount() > 1)
