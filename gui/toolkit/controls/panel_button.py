"""A button that opens a panel below it, with an arrow that says so."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
)

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
        self.hide()

    def show_text(self, text: str) -> None:
        """Set the text; it is painted without its middle where there is no room for it."""
        self.setText(plain_text.entry(text))

    def sizeHint(self) -> QSize:
        return self._size(_MOST)

    def minimumSizeHint(self) -> QSize:
        return self._size(_LEAST)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, option = QStylePainter(self), QStyleOptionToolButton()
        self.initStyleOption(option)
        room = self.width() - super().sizeHint().width() + self._advance()
        # A text may be a fraction of a pixel wider than the whole pixels it is given.
        if self._advance() > room:
            middle = Qt.TextElideMode.ElideMiddle
            shown = self.fontMetrics().elidedText(self._plain(), middle, room)
            option.text = shown.replace("&", "&&")
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        tokens = theme.current()
        place = QRect(self.width() - _ARROW - 4, (self.height() - _ARROW) // 2, _ARROW, _ARROW)
        colour = tokens.text if self.isEnabled() else tokens.text_dim
        theme.paint_icon(painter, "arrow-down", place, colour)

    def _size(self, most: int) -> QSize:
        hint, wide = super().sizeHint(), self._advance()
        return QSize(hint.width() - max(0, wide - most), hint.height())

    def _plain(self) -> str:
        return self.text().replace("&&", "&")

    def _advance(self) -> int:
        return self.fontMetrics().horizontalAdvance(self._plain())
