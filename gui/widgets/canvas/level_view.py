"""A view of an image with levels: its values under the pointer, and the drag that changes them."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from engine.records.levels import Depth
from gui.toolkit import plain_text
from gui.widgets.canvas.level_drag import LevelDrag
from gui.widgets.canvas.view import ZoomView
from gui.widgets.canvas.words import longest_raw, raw_words


class LevelView(ZoomView):
    """levels_dragged(across, down, done): the right button was dragged over an image with levels,
    by these fractions of the view since it was pressed. menu_wanted(place on the screen): it was
    clicked, or the menu key pressed."""

    levels_dragged = Signal(float, float, bool)
    menu_wanted = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._depth: Depth | None = None
        self._longest_raw = ""
        self._levels = ""
        self._drag = LevelDrag()

    def show_values(self, depth: Depth | None, levels: str = "") -> None:
        """Set the values that the file of the image holds, None for 8 bits, and what is said of
        those that are black and white."""
        self._depth, self._levels = depth, plain_text.line(levels)
        self._longest_raw = longest_raw(depth) if depth is not None else ""
        self.pointer_changed()
        self.viewport().update()

    def raw(self, column: int, row: int) -> str:
        """The values of a pixel as the file holds them; '' for 8 bits."""
        depth = self._depth
        # Between two images, the values may be those of another.
        if depth is None or not (row < depth.values.shape[0] and column < depth.values.shape[1]):
            return ""
        return raw_words(depth, column, row)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self._drag.press(event.position())
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if event.buttons() & Qt.MouseButton.RightButton:
            self._drag_levels(event, done=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.RightButton:
            self._drag_levels(event, done=True)
            clicked = self._drag.pressed and not (self._levels and self._drag.moved)
            self._drag.release()
            if clicked:
                self.menu_wanted.emit(event.globalPosition().toPoint())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A menu of the mouse waits for the release: systems differ in when they ask for it."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.menu_wanted.emit(self.viewport().mapToGlobal(self.viewport().rect().center()))
        event.accept()

    def _drag_levels(self, event: QMouseEvent, *, done: bool) -> None:
        offset = self._drag.offset(event.position(), self.viewport().size())
        if offset is not None and self._levels:
            self.levels_dragged.emit(*offset, done)
