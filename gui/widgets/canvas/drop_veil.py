"""What a drop would do, over any widget, as the canvas says it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.toolkit import plain_text
from gui.widgets.canvas.hud import Hud


class DropVeil(QWidget):
    """Lies over all of its parent and lets everything through to it. words: what it says."""

    def __init__(self, parent: QWidget, words: str) -> None:
        super().__init__(parent)
        self.words = plain_text.line(words)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setGeometry(parent.rect())
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        Hud(painter, self.rect(), self.font()).drop_hint(self.words)
        painter.end()
