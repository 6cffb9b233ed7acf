"""The crash dialog: what happened, a report to copy, and an offer to reopen the session."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label, label

_PICTURE = 32
_WIDTH = 520
_REPORT_SIZE = QSize(640, 480)
_PRIVATE = "Nothing is sent anywhere. The report lists versions and may contain file names."


class CrashDialog(QDialog):
    """A non-modal dialog with `heading` and `text`.

    report: the text to copy, '' for none. offer: the text of the button to reopen the session, ''
    for no such button; pressing it emits reopen_wanted().
    """

    reopen_wanted = Signal()

    def __init__(
        self, heading: str, text: str, report: str, offer: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Last session" if offer else "Unexpected error")
        self._report = QPlainTextEdit(plain_text.report(report))
        self._report.setReadOnly(True)
        self._report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._report.setAccessibleName("Report")
        self._report.hide()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 8)
        box.addLayout(self._words(heading, text, bool(report)))
        box.addWidget(self._report, 1)
        box.addStretch()
        box.addWidget(self._buttons(bool(report), offer))
        self.setMinimumWidth(_WIDTH)

    def add(self, report: str) -> None:
        """Append another failure that occurred while the dialog is open to the report."""
        self._report.appendPlainText(plain_text.report(report))

    def copy(self) -> None:
        """Copy the report to the clipboard."""
        QGuiApplication.clipboard().setText(self._report.toPlainText())
        self._copy.setText("Copied")

    def _words(self, heading: str, text: str, private: bool) -> QHBoxLayout:
        warning = Label()
        warning.setPixmap(theme.icon("warning").pixmap(_PICTURE, _PICTURE))
        warning.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2 * theme.SPACE)
        for line in (
            label(heading, "header"),
            label(text),
            *([label(_PRIVATE, "dim")] if private else ()),
        ):
            line.setWordWrap(True)
            words.addWidget(line)
        row = QHBoxLayout()
        row.setContentsMargins(16, 16, 16, 8)
        row.setSpacing(16)
        row.addWidget(warning)
        row.addLayout(words, 1)
        return row

    def _buttons(self, with_report: bool, offer: str) -> QDialogButtonBox:
        role = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        buttons.setContentsMargins(16, 0, 16, 4)
        self._copy = QPushButton("Copy report")
        # A fixed width, so that nothing moves when its text changes.
        self._copy.setMinimumWidth(self._copy.sizeHint().width())
        self._copy.clicked.connect(self.copy)
        show = QPushButton("Show report")
        show.setCheckable(True)
        show.toggled.connect(self._show_report)
        for button in (self._copy, show) if with_report else ():
            buttons.addButton(button, role.ActionRole)
        close = QPushButton("Start new session" if offer else "Continue")
        buttons.addButton(close, role.RejectRole)
        default = QPushButton(plain_text.entry(offer)) if offer else close
        if offer:
            buttons.addButton(default, role.AcceptRole)
            default.clicked.connect(self.reopen_wanted)
        for button in (self._copy, show, close):
            button.setAutoDefault(False)
        default.setDefault(True)
        default.setFocus()
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons

    def _show_report(self, on: bool) -> None:
        self._report.setVisible(on)
        if on:
            self.resize(self.size().expandedTo(_REPORT_SIZE))
        else:
            self.adjustSize()
