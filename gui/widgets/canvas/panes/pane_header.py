"""The line above a pane: its number, what it shows, and the way to close it.

Where panes are narrow, it is two lines."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label
from gui.widgets.canvas.panes.fitting import WIDE, Part, crowded, fitted, in_two


@dataclass(frozen=True, slots=True)
class Heading:
    """What the line says. number: of the pane, in the order of the panes, from 1; 0 for none.
    text: what the pane shows, at the end what all others do as well; value: the largest value of
    its map. apart: what tells it from the others, at the start of text; all of it where nothing
    does, () for one piece."""

    number: int
    text: str
    value: str = ""
    tip: str = ""
    apart: tuple[Part, ...] = ()


_ROOMY = 64 * theme.SPACE


class PaneHeader(QWidget):
    """pressed: it was clicked. close_requested. menu_wanted(place on the screen)."""

    pressed = Signal()
    close_requested = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._active = False
        self._heading: tuple[Heading, bool] | None = None
        self._whole, self._tip, self._two = "", "", False
        self._apart: tuple[Part, ...] = (Part(""),)
        self._number = label()
        self._text, self._below = ElidedLabel(), ElidedLabel()
        self._below.hide()
        words = QVBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(0)
        words.addWidget(self._text)
        words.addWidget(self._below)
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
        row.addWidget(self._number)
        row.addLayout(words, 1)
        row.addWidget(self._value)
        row.addWidget(self._close)

    def show_heading(self, heading: Heading, active: bool) -> None:
        """Set what it says. active: whether the panels speak of its pane."""
        if (heading, active) == self._heading:
            return
        self._heading = heading, active
        self._number.show_text(str(heading.number) if heading.number else "")
        self._whole = plain_text.line(heading.text)
        told = (heading.tip or heading.text, heading.value)
        self._tip = plain_text.tip("\n".join(text for text in told if text))
        self._value.show_text(heading.value)
        self._apart = tuple(
            Part(plain_text.line(part.text), plain_text.line(part.short), part.ends)
            for part in heading.apart
        ) or (Part(self._whole),)
        self._fit()
        self._active = active
        words = f"Pane {heading.number}: {heading.text}" if heading.number else heading.text
        self.setAccessibleName(plain_text.line(f"{words}, active" if active else words))
        self.update()

    @property
    def text(self) -> str:
        """What it says of the pane where there is room for it."""
        return self._whole

    @property
    def shown(self) -> str:
        """What it says of the pane in the room that there is, in one or two lines."""
        return "\n".join(line for line in (self._text.text(), self._below.text()) if line)

    def crowded(self, width: int) -> bool:
        """Whether what tells its pane apart needs a second line in so many pixels."""
        return crowded(self._apart, self._room(width), self._text.fontMetrics())

    def set_two_lines(self, two: bool) -> None:
        """Choose whether there is room for two lines, which are filled where one is too few."""
        if two != self._two:
            self._two = two
            self._fit()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        lines = (2 if self._two else 1) * self._text.fontMetrics().height()
        return QSize(hint.width(), max(lines + theme.SPACE, self._close.height()))

    def _room(self, width: int) -> int:
        """The pixels for words, without the largest value."""
        gap = 2 * theme.SPACE
        others = sum(other.sizeHint().width() + gap for other in (self._number, self._close))
        return max(0, width - gap - others)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Of its words, what tells the pane from the others comes before its largest value, which
        the tooltip has as well, and all of what tells it apart before more of one thing."""
        metrics = self._text.fontMetrics()
        apart = WIDE.join(part.text for part in self._apart)
        more = "" if apart == self._whole else "…"
        width, room = metrics.horizontalAdvance(apart + more), self._room(self.width())
        value = self._value.sizeHint().width() + 2 * theme.SPACE
        valued = self.width() >= _ROOMY and width + value <= room
        self._value.setVisible(valued)
        room -= value if valued else 0
        lines = (self._whole if width <= room else fitted(self._apart, room, metrics), "")
        if self._two and crowded(self._apart, room, metrics):
            lines = in_two(self._apart, room, metrics)
        for line, text in zip((self._text, self._below), lines, strict=True):
            line.show_text(text)
            line.setToolTip(self._tip)
        self._below.setVisible(bool(lines[1]))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()
        elif event.button() == Qt.MouseButton.RightButton:
            self.menu_wanted.emit(event.globalPosition().toPoint())
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._fit()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = theme.current()
        painter = QPainter(self)
        ground = tokens.selection if self._active else tokens.panel
        painter.fillRect(self.rect(), QColor(ground))
