"""The dialog of Help > Check installation: lists the steps and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label

_BEFORE = (
    "A second window opens and operates itself for a few seconds: please do not use it. Your "
    "own window is not affected."
)
_ICON = 16
_WIDTH = 560

State = Literal["", "running", "ok", "failed"]


class CheckDialog(QDialog):
    """Lists steps. start_wanted(), stop_wanted(): the button was pressed.

    steps: title by name, in order.
    """

    start_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, steps: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Check installation")
        self._titles = dict(steps)
        self._report = ""
        self._running = False
        self._marks = {name: _Mark(title) for name, title in steps.items()}
        self._details = {name: ElidedLabel("dim") for name in steps}
        self._verdict = label(_BEFORE)
        self._verdict.setWordWrap(True)
        self._verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._verdict.setMinimumHeight(2 * self._verdict.fontMetrics().lineSpacing())
        self._start = QPushButton("Start")
        self._copy = QPushButton("Copy report")
        self._box = box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(12)
        box.addWidget(self._verdict)
        box.addLayout(self._rows())
        box.addStretch()
        box.addWidget(self._buttons())
        self.setMinimumWidth(_WIDTH)

    def begin(self) -> None:
        """A run starts: clear all results."""
        self._running = True
        self._report = ""
        for name, mark in self._marks.items():
            mark.show_state("")
            self._details[name].show_text("")
        self._verdict.show_text(_BEFORE)
        self._show_buttons()

    def show_begun(self, name: str) -> None:
        """Mark a step as running."""
        self._marks[name].show_state("running")

    def show_step(self, name: str, state: State, detail: str) -> None:
        """Show the result of a step."""
        self._marks[name].show_state(state)
        self._details[name].show_text(detail)

    def end(self, verdict: str, report: str) -> None:
        """The run is over; a step still running has failed. report: the text to copy."""
        self._running = False
        self._report = plain_text.report(report)
        for mark in self._marks.values():
            if mark.state == "running":
                mark.show_state("failed")
        self._verdict.show_text(verdict)
        self._start.setText("Check again")
        self._show_buttons()
        # A long verdict must not squeeze the steps. The size is kept, so that nothing moves back.
        needed = self._box.totalHeightForWidth(self.width())
        self.resize(self.width(), max(self.height(), needed))

    def copy(self) -> None:
        """Copy the report to the clipboard."""
        QGuiApplication.clipboard().setText(self._report)

    def reject(self) -> None:
        if self._running:
            self.stop_wanted.emit()
        super().reject()

    def _rows(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2 * theme.SPACE)
        grid.setColumnStretch(2, 1)
        for row, (name, title) in enumerate(self._titles.items()):
            grid.addWidget(self._marks[name], row, 0)
            grid.addWidget(label(title), row, 1)
            detail = self._details[name]
            detail.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            detail.setAccessibleName(plain_text.line(title))
            grid.addWidget(detail, row, 2)
        return grid

    def _buttons(self) -> QDialogButtonBox:
        role = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        for button in (self._copy, self._start):
            button.setAutoDefault(False)
            buttons.addButton(button, role.ActionRole)
        self._start.setMinimumWidth(self._start.fontMetrics().horizontalAdvance("Check again") + 32)
        self._start.setDefault(True)
        self._start.clicked.connect(self._pressed)
        self._copy.clicked.connect(self.copy)
        self._show_buttons()
        return buttons

    def _pressed(self) -> None:
        if self._running:
            self.stop_wanted.emit()
        else:
            self.start_wanted.emit()

    def _show_buttons(self) -> None:
        if self._running:
            self._start.setText("Stop")
        self._copy.setEnabled(bool(self._report))


class _Mark(QLabel):
    """The result of a step, as an icon and for screen readers."""

    _LOOKS: ClassVar = {"ok": ("on-disk", "accent"), "failed": ("warning", "error")}

    def __init__(self, title: str) -> None:
        super().__init__()
        self.state: State = ""
        self._title = title
        self.setFixedSize(_ICON, _ICON)

    def show_state(self, state: State) -> None:
        self.state = state
        self.setAccessibleName(plain_text.line(f"{self._title}: {state or 'not run yet'}"))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        tokens = theme.current()
        place = QRect(0, 0, _ICON, _ICON)
        if self.state in self._LOOKS:
            name, token = self._LOOKS[self.state]
            theme.paint_icon(painter, name, place, getattr(tokens, token))
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.accent if self.state else tokens.border))
        painter.drawEllipse(place.center(), 3, 3)
