"""A button that opens a panel below it, with an arrow that says so."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton

from gui.toolkit import plain_text, theme

_ARROW = 12
_MOST = 240


class PanelButton(QToolButton):
    """Hidden at first. Down opens the panel as a click does."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("popup", True)
        self._whole = ""
        self.hide()

    def show_text(self, text: str) -> None:
        """Set the text; one that is too long loses its middle."""
        self._whole = plain_text.line(text)
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, _MOST)
        self.setText(shown.replace("&", "&&"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        tokens = theme.current()
        place = QRect(self.width() - _ARROW - 4, (self.height() - _ARROW) // 2, _ARROW, _ARROW)
        colour = tokens.text if self.isEnabled() else tokens.text_dim
        theme.paint_icon(painter, "arrow-down", place, colour)
