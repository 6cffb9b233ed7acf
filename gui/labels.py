"""Labels that all panels share: headers, secondary text, and text that shortens itself."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from gui import theme

Role = Literal["header", "dim", "warning", "error", ""]


def label(text: str = "", role: Role = "") -> QLabel:
    """A label of plain text; secondary text ('dim', 'warning', 'error') is smaller."""
    return _dress(QLabel(text), role)


class ElidedLabel(QLabel):
    """One line that takes what room there is and ends in '…'; the tooltip has all of it."""

    def __init__(self, role: Role = "") -> None:
        super().__init__()
        _dress(self, role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """Sets text and tooltip."""
        self.setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(0, super().sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, self.alignment(), text)


def _dress(made: QLabel, role: Role) -> QLabel:
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if role not in ("", "header"):
        made.setFont(theme.tabular(theme.small(made.font())))
    return made
