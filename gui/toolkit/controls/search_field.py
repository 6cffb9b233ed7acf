"""The search field above a list."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from gui.toolkit import plain_text
from gui.toolkit.keys import claim


class SearchField(QLineEdit):
    """Esc clears, then leaves; Down leaves. entered(): Enter pressed. left(): focus the list."""

    entered = Signal()
    left = Signal()

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setPlaceholderText(plain_text.line(name))
        self.setAccessibleName(plain_text.line(name))
        self.setToolTip(plain_text.tip(tip))
        self.setClearButtonEnabled(True)

    def event(self, event: QEvent) -> bool:
        return claim(event, Qt.Key.Key_Escape) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
            self.left.emit()
        else:
            super().keyPressEvent(event)
