"""A dismissible hint card."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

_ANY = 16_777_215
"""Qt's own limit of a width."""


class HintCard(QFrame):
    """Shows one sentence, where it is wanted and has room. closed(): the user dismissed the card,
    which is now hidden.

    width: in pixels, None to fill the available width.
    """

    closed = Signal()

    def __init__(self, text: str, width: int | None = None) -> None:
        super().__init__()
        self.setObjectName("hint")
        self.setAccessibleName("Hint")
        self.setAccessibleDescription(plain_text.line(text))
        self.text = text
        self._wanted, self._room = False, True
        words = label(text)
        words.setWordWrap(True)
        close = QToolButton()
        close.setIcon(theme.icon("close"))
        close.setToolTip("Dismiss this hint permanently")
        close.setAccessibleName(plain_text.line(f"Dismiss hint: {text}"))
        close.setAutoRaise(True)
        # A click leaves the focus where it was, and not at the next button of the window.
        close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        close.clicked.connect(self._close)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.SPACE, theme.SPACE, 0, theme.SPACE)
        row.setSpacing(theme.SPACE)
        row.addWidget(words, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._words, self._width = words, width
        if width is not None:
            self.setFixedWidth(width)

    def setVisible(self, visible: bool) -> None:
        """Say whether it is wanted."""
        self._wanted = visible
        super().setVisible(visible and self._room)

    def set_room(self, room: bool) -> None:
        """Say whether it has room."""
        if room != self._room:
            self._room = room
            super().setVisible(self._wanted and room)

    def set_flat(self, flat: bool) -> None:
        """Show the sentence in one line, as wide as it is, or in the width of the card."""
        self._words.setWordWrap(not flat)
        if flat:
            self.setMinimumWidth(0)
            self.setMaximumWidth(_ANY)
        elif self._width is not None:
            self.setFixedWidth(self._width)
        space = 0 if flat else theme.SPACE
        row = self.layout()
        if row is not None:
            row.setContentsMargins(2 * theme.SPACE, space, 0, space)

    def _close(self) -> None:
        self.hide()
        self.closed.emit()
