"""A button that opens a panel below it, with an arrow that says so."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolButton

from gui.toolkit import plain_text, theme

_ARROW = 12
_MOST, _LEAST = 176, 56
"""The widths of a text beyond which it loses its middle, and below which it never is."""


class PanelButton(QToolButton):
    """Hidden at first. Down opens the panel as a click does."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("popup", True)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._whole = ""
        self.hide()

    def show_text(self, text: str) -> None:
        """Set the text, which is shortened where there is no room for it."""
        self._whole = plain_text.line(text)
        self._fit()
        self.updateGeometry()

    def whole_text(self) -> str:
        """The text, shortened or not."""
        return self._whole

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        wanted = min(_MOST, self._advance(self._whole))
        return QSize(hint.width() - self._shown() + wanted, hint.height())

    def minimumSizeHint(self) -> QSize:
        hint = super().sizeHint()
        wanted = min(_LEAST, self._advance(self._whole))
        return QSize(hint.width() - self._shown() + wanted, hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

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

    def _fit(self) -> None:
        room = _MOST
        if self.isVisible():
            room = min(room, self.width() - (super().sizeHint().width() - self._shown()))
        shown = self._whole
        # A text may be a fraction of a pixel wider than the whole pixels it is given.
        if self._advance(shown) > room:
            shown = self.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, room)
        self.setText(shown.replace("&", "&&"))

    def _advance(self, text: str) -> int:
        return self.fontMetrics().horizontalAdvance(text)

    def _shown(self) -> int:
        return self._advance(self.text().replace("&&", "&"))
