"""The line above a pane: its number, what it shows, and the way to close it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label


@dataclass(frozen=True, slots=True)
class Heading:
    """What the line says. number: of the pane, in the order of the panes, from 1; 0 for none.
    text: what the pane shows, at the end what all others do as well; value: the largest value of
    its map. apart: what tells it from the others, at the start of text; '' for all of it."""

    number: int
    text: str
    value: str = ""
    tip: str = ""
    apart: str = ""


_ROOMY = 64 * theme.SPACE


class PaneHeader(QWidget):
    """pressed: it was clicked. close_requested. menu_wanted(place on the screen)."""

    pressed = Signal()
    close_requested = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._active, self._apart = False, ""
        self._number = label()
        self._text = ElidedLabel()
        self._value = label(role="dim")
        self._value.setFont(theme.tabular(self._value.font()))
        self._close = QToolButton()
        self._close.setIcon(theme.icon("close"))
        self._close.setAutoRaise(True)
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.setToolTip("Close this pane")
        self._close.setAccessibleName("Close pane")
        self._close.setIconSize(QSize(4 * theme.SPACE, 4 * theme.SPACE))
        self._close.setFixedSize(6 * theme.SPACE, 6 * theme.SPACE)
        self._close.clicked.connect(self.close_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.SPACE, 0, 0, 0)
        row.setSpacing(2 * theme.SPACE)
        for widget, stretch in ((self._number, 0), (self._text, 1), (self._value, 0)):
            row.addWidget(widget, stretch)
        row.addWidget(self._close)

    def show_heading(self, heading: Heading, active: bool) -> None:
        """Set what it says. active: whether the panels speak of its pane."""
        self._number.show_text(str(heading.number) if heading.number else "")
        self._text.show_text(heading.text)
        told = (heading.tip or heading.text, heading.value)
        self._text.setToolTip(plain_text.tip("\n".join(text for text in told if text)))
        self._value.show_text(heading.value)
        self._apart = plain_text.line(heading.apart or heading.text)
        self._fit()
        self._active = active
        words = f"Pane {heading.number}: {heading.text}" if heading.number else heading.text
        self.setAccessibleName(plain_text.line(f"{words}, active" if active else words))
        self.update()

    @property
    def text(self) -> str:
        """What it says of the pane."""
        return self._text.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Of its words, what tells the pane from the others comes before its largest value, which
        the tooltip has as well."""
        more = "" if self._apart == self._text.text() else "…"
        width = self._text.fontMetrics().horizontalAdvance(self._apart + more)
        gap = 2 * theme.SPACE
        others = (self._number, self._value, self._close)
        needed = width + sum(other.sizeHint().width() + gap for other in others) + gap
        self._value.setVisible(self.width() >= max(_ROOMY, needed))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()
        elif event.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(event.globalPosition().toPoint())
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = theme.current()
        painter = QPainter(self)
        ground = tokens.selection if self._active else tokens.panel
        painter.fillRect(self.rect(), QColor(ground))
