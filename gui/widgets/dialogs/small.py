"""Small dialogs: keyboard shortcuts, About, reset.

None of them blocks: open() shows them, a signal reports the decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import theme
from gui.toolkit.labels import Label
from gui.toolkit.windows import fit_to_screen


class ShortcutsDialog(QDialog):
    """Lists all shortcuts. rows: (heading, text, keys), see commands.shortcut_rows()."""

    def __init__(self, rows: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(16, 8, 16, 16)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(0, 1)
        line = 0
        for heading, group in groupby(rows, key=lambda row: row[0]):
            title = _label(heading, "header")
            title.setContentsMargins(0, 8, 0, 0)
            grid.addWidget(title, line, 0)
            line += 1
            for _, text, keys in group:
                grid.addWidget(_label(text), line, 0)
                grid.addWidget(_label(keys, "dim"), line, 1, Qt.AlignmentFlag.AlignRight)
                line += 1
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 8)
        box.addWidget(area)
        box.addWidget(_buttons(self))
        fit_to_screen(self, QSize(480, 640))


class AboutDialog(QDialog):
    """Shows what the program is, and the versions that a bug report needs.

    facts: (name, value) pairs, such as ('torch', '2.13.0').
    """

    def __init__(
        self, version: str, facts: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Hookscope")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._text = "\n".join(
            f"{name}: {value}" for name, value in (("Hookscope", version), *facts)
        )
        picture = Label()
        picture.setPixmap(theme.app_icon().pixmap(64, 64))
        picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        name = _label(f"Hookscope {version}", "header")
        words = _label("Shows where an image classifier looked: the heat map of any layer.")
        words.setWordWrap(True)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(name)
        right.addWidget(words)
        right.addSpacing(4)
        right.addLayout(_facts_grid(facts))
        right.addStretch()
        top = QHBoxLayout()
        top.setContentsMargins(16, 16, 16, 8)
        top.setSpacing(16)
        top.addWidget(picture)
        top.addLayout(right, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 8)
        box.addLayout(top, 1)
        buttons = _buttons(self)
        copy = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.setAutoDefault(False)
        copy.setToolTip("Copy the version information for a bug report")
        copy.clicked.connect(self.copy)
        box.addWidget(buttons)
        # As high as necessary: the log folder may need several lines.
        self.resize(440, self.heightForWidth(440))

    def copy(self) -> None:
        """Copy the facts to the clipboard."""
        QGuiApplication.clipboard().setText(self._text)


def _facts_grid(facts: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(theme.SPACE)
    grid.setColumnStretch(1, 1)
    for line, (what, value) in enumerate(facts):
        shown = _label(value)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setWordWrap(True)
        grid.addWidget(_label(what, "dim"), line, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(shown, line, 1)
    return grid


class ResetDialog(QMessageBox):
    """Asks before all settings are reset. confirmed(): yes."""

    confirmed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Reset settings")
        self.setText("Reset all settings?")
        self.setInformativeText(
            "Window layout, theme, display settings and the lists of recent files are reset. "
            "Your images and models are not affected."
        )
        reset = self.addButton("Reset", QMessageBox.ButtonRole.AcceptRole)
        cancel = self.addButton(QMessageBox.StandardButton.Cancel)
        self.setDefaultButton(cancel)
        self.setEscapeButton(cancel)
        reset.clicked.connect(self.confirmed)


def _label(text: str, role: str = "") -> Label:
    label = Label(text)
    if role:
        label.setProperty("role", role)
    return label


def _buttons(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.setContentsMargins(16, 0, 16, 4)
    buttons.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
    buttons.rejected.connect(dialog.reject)
    return buttons
