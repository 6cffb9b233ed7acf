"""Asks whether a file that could run code may be opened. The default answer is No."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, Label, Role, label

_SHOWN_ROWS = 5
_MOST_NAMES = 1_000
_ROW = 24
_ICON = 32


class ConsentDialog(QDialog):
    """Names the file, states the risk in one sentence, and lists the reasons.

    path, risk and names are those of engine.errors.ConsentNeeded. agreed(): the user trusts this
    file; anything else, including closing the dialog, means No.
    """

    agreed = Signal()

    def __init__(
        self, path: Path, risk: str, names: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Trust this file?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._refuse = QPushButton("Do not open")
        self._agree = QPushButton("Trust and open")
        self._agree.clicked.connect(self._say_yes)
        self._refuse.clicked.connect(self.reject)
        words = QVBoxLayout()
        words.setSpacing(theme.SPACE)
        words.addWidget(_wrapped(f"Open {path.name}?", "header"))
        folder = ElidedLabel("dim")
        folder.show_text(str(path.parent))
        words.addWidget(folder)
        words.addSpacing(theme.SPACE)
        words.addWidget(_wrapped(_sentence(risk)))
        if names:
            words.addSpacing(theme.SPACE)
            words.addWidget(label(_heading(names), "header"))
            words.addWidget(_list(names, _heading(names)))
        words.addSpacing(theme.SPACE)
        words.addWidget(
            _wrapped(
                "None of its code has run yet. Trust only files from people you know. Trust is "
                "remembered until the file changes.",
                "dim",
            )
        )
        words.addStretch()
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self._icon(), 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(12)
        box.addLayout(top, 1)
        box.addWidget(self._buttons())
        self._refuse.setFocus()
        self.setMinimumWidth(480)
        self.resize(480, self.heightForWidth(480) if self.hasHeightForWidth() else 0)

    def _say_yes(self) -> None:
        self.agreed.emit()
        self.accept()

    def _icon(self) -> Label:
        sign = Label()
        warning = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        sign.setPixmap(warning.pixmap(QSize(_ICON, _ICON), self.devicePixelRatioF()))
        sign.setFixedSize(_ICON, _ICON)
        return sign

    def _buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox()
        buttons.addButton(self._agree, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self._refuse, QDialogButtonBox.ButtonRole.RejectRole)
        # Enter must mean No, even after the focus was moved through the buttons with Tab.
        self._agree.setAutoDefault(False)
        self._refuse.setDefault(True)
        return buttons


def _heading(names: Sequence[str]) -> str:
    files = all(name.endswith(".py") for name in names)
    return "These files would also run" if files else "Why you are asked"


def _sentence(risk: str) -> str:
    return f"{risk[:1].upper()}{risk[1:].rstrip('.')}."


def _list(names: Sequence[str], heading: str) -> QListWidget:
    shown = QListWidget()
    more = len(names) - _MOST_NAMES
    if more > 0:
        names = [*names[:_MOST_NAMES], f"and {more:,} more"]
    shown.addItems([plain_text.line(name) for name in names])
    shown.setSelectionMode(QListWidget.SelectionMode.NoSelection)
    shown.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    shown.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    shown.setAccessibleName(plain_text.line(heading))
    shown.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    shown.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
    shown.setUniformItemSizes(True)
    height = max(_ROW, shown.fontMetrics().height() + theme.SPACE)
    for row, name in enumerate(names):
        shown.item(row).setToolTip(plain_text.tip(plain_text.line(name)))
        shown.item(row).setSizeHint(QSize(0, height))
    # Half a row more shows that the list continues.
    rows = len(names) if len(names) <= _SHOWN_ROWS else _SHOWN_ROWS + 0.5
    shown.setFixedHeight(round(rows * height))
    return shown


def _wrapped(text: str, role: Role = "") -> Label:
    made = label(text, role)
    made.setWordWrap(True)
    return made
