"""The divider between two panes that lie over each other."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.toolkit import theme

WIDTH = 3 * theme.SPACE
_GRIP = 6 * theme.SPACE
_STEP, _STRIDE = 0.02, 0.1


class Divider(QWidget):
    """A vertical line with a grip. moved: part of the width that is left of it, 0 to 1, changed."""

    moved = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.part = 0.5
        self._held: QPoint | None = None
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Divider between two panes")
        self.setToolTip("Drag to see more of one pane, or use the arrow keys, Home and End")

    def move_to(self, part: float) -> None:
        """Move so that this part of the width is left of it."""
        self.part = min(max(part, 0.0), 1.0)
        self.moved.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = event.position().toPoint()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        above = self.parentWidget()
        if self._held is not None and above is not None:
            x = self.mapTo(above, event.position().toPoint() - self._held).x() + self.width() / 2
            self.move_to(x / max(1, above.width()))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        step = _STRIDE if far else _STEP
        to = {
            Qt.Key.Key_Left: self.part - step,
            Qt.Key.Key_Right: self.part + step,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }.get(Qt.Key(event.key()))
        if to is None:
            event.ignore()
        else:
            self.move_to(to)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        middle, accent = self.width() / 2, QColor(theme.current().accent)
        dark = QColor(0, 0, 0, 150)
        painter.fillRect(int(middle) - 2, 0, 4, self.height(), dark)
        painter.fillRect(int(middle) - 1, 0, 2, self.height(), QColor(255, 255, 255))
        grip = self.rect().adjusted(1, 0, -1, 0)
        grip.setHeight(_GRIP)
        grip.moveCenter(self.rect().center())
        painter.setPen(QColor(255, 255, 255) if not self.hasFocus() else accent)
        painter.setBrush(accent if self.hasFocus() else dark)
        painter.drawRoundedRect(grip, theme.SPACE, theme.SPACE)
