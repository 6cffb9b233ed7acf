"""The rows of the page Trust: a figure's title, what it says in words, and what it cannot tell."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout

from engine.metrics.table import Row
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

_TITLE = 36 * theme.SPACE
_MARK = 3
# By which text starts lower than the button beside it.
_DROP = 5


class Finding(QFrame):
    """One figure. chosen(name): its chart is wanted."""

    chosen = Signal(str)

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row, self._selected = row, False
        self._title = label(row.title)
        self.verdict = label("")
        self.limits = label(f"A good value: {row.good}\nWhat this cannot tell: {row.cannot}", "dim")
        self.more = QToolButton()
        self._lay_out(row.title, row.summary)
        self.more.toggled.connect(self.limits.setVisible)

    def show_words(self, words: str, *, waiting: bool = False) -> None:
        """Show what the figure says; '' that it is not measured. waiting: it is being measured."""
        said = words or ("Being measured…" if waiting else self.row.summary)
        self.verdict.show_text(said)
        self.verdict.setProperty("role", "" if words else "dim")
        self.verdict.style().unpolish(self.verdict)
        self.verdict.style().polish(self.verdict)
        self.setAccessibleDescription(plain_text.paragraph(said))

    def set_selected(self, selected: bool) -> None:
        """Mark the row whose chart is shown."""
        self._selected = selected
        self.update()

    @property
    def selected(self) -> bool:
        return self._selected

    def _lay_out(self, title: str, summary: str) -> None:
        self._title.setProperty("role", "header")
        self._title.setWordWrap(True)
        self._title.setFixedWidth(_TITLE)
        self._title.setContentsMargins(0, _DROP, 0, 0)
        self._title.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._title.setToolTip(plain_text.tip(summary))
        for text in (self.verdict, self.limits):
            text.setWordWrap(True)
            text.setAlignment(Qt.AlignmentFlag.AlignTop)
            text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            # Its height follows its width; a label's own least height is that of a narrow one.
            text.setMinimumHeight(1)
        self.limits.setVisible(False)
        self.more.setText("?")
        self.more.setCheckable(True)
        self.more.setProperty("link", True)
        self.more.setFixedWidth(5 * theme.SPACE)
        self.more.setToolTip(plain_text.tip("What this cannot tell"))
        self.more.setAccessibleName(plain_text.line(f"{title}: what this cannot tell"))
        words = QVBoxLayout()
        words.setContentsMargins(0, _DROP, 0, 0)
        words.setSpacing(theme.SPACE)
        words.addWidget(self.verdict)
        words.addWidget(self.limits)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.SPACE, 1, theme.SPACE, theme.SPACE)
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(self._title)
        row.addLayout(words, 1)
        row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(plain_text.line(title))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.row.name)
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.row.name)
            event.accept()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # The space bar shows the bare image everywhere else in the window.
        override = event.type() == QEvent.Type.ShortcutOverride
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Space)
        if override and isinstance(event, QKeyEvent) and event.key() in keys:
            event.accept()
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        tokens, painter = theme.current(), QPainter(self)
        if self._selected:
            painter.fillRect(self.rect(), QColor(tokens.selection))
            painter.fillRect(0, 0, _MARK, self.height(), QColor(tokens.accent))
        if self.hasFocus():
            painter.setPen(QColor(tokens.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()
