"""The label widgets of all panels: headers, secondary text, elided text and links."""

from __future__ import annotations

from typing import Literal, TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from engine.escaping import LINE
from gui.toolkit import plain_text, theme

Role = Literal["header", "dim", "warning", "error", ""]
L = TypeVar("L", bound=QLabel)


class Label(QLabel):
    """A plain-text label that makes invisible characters visible, see plain_text."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Set the text, of one or several lines."""
        self.setText(plain_text.paragraph(text))

    def minimumSizeHint(self) -> QSize:
        """Limited for wrapped text, because an endless word must not widen the window."""
        hint = super().minimumSizeHint()
        if not self.wordWrap():
            return hint
        widest = plain_text.SHORT * self.fontMetrics().averageCharWidth()
        return QSize(min(hint.width(), widest), hint.height())


def label(text: str = "", role: Role = "") -> Label:
    """A plain-text label; secondary text ('dim', 'warning', 'error') is smaller."""
    return _dress(Label(text), role)


class ElidedLabel(Label):
    """One line that is elided with '…' to fit; the tooltip has the full text."""

    def __init__(self, role: Role = "") -> None:
        super().__init__()
        _dress(self, role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """Set text and tooltip."""
        self.setText(plain_text.line(text))
        self.setToolTip(plain_text.tip(plain_text.line(text, LINE)))

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


class LinkLabel(Label):
    """A link that opens in the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setOpenExternalLinks(True)

    def show_text(self, text: str) -> None:
        """Set text without a link."""
        self.setText(plain_text.markup(plain_text.line(text)))

    def show_link(self, address: str, words: str) -> None:
        """Set text that links to an address."""
        where, colour = plain_text.markup(address), theme.current().accent
        said = plain_text.markup(plain_text.line(words))
        self.setText(f'<a href="{where}" style="color: {colour}">{said}</a>')


def _dress(made: L, role: Role) -> L:
    if role:
        made.setProperty("role", role)
    if role not in ("", "header"):
        made.setFont(theme.tabular(theme.small(made.font())))
    return made
