"""What stands above a page behind a row: its title, and the way back."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from gui.toolkit import theme
from gui.toolkit.labels import ElidedLabel

GAP = theme.SPACE


class Head(QWidget):
    """back: return to the rows. Hidden at first."""

    back = Signal()

    def __init__(self) -> None:
        super().__init__()
        back = QToolButton()
        back.setIcon(theme.icon("previous"))
        back.setToolTip("Back (Esc)")
        back.setAccessibleName("Back")
        back.setAutoRaise(True)
        back.clicked.connect(self.back)
        self._title = ElidedLabel("header")
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 0)
        row.setSpacing(GAP)
        row.addWidget(back)
        row.addWidget(self._title, 1)
        self.hide()

    def show_title(self, text: str) -> None:
        """Show it with a title."""
        self._title.show_text(text)
        self.show()
