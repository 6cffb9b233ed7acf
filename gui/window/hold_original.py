"""Shows the original image, without its map, while Space is held."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from gui.widgets.canvas.image_canvas import ImageCanvas


class BareKey(QObject):
    """Handles Space in the whole window, wherever the focus is."""

    def __init__(self, window: QWidget, canvas: ImageCanvas) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        application = QApplication.instance()
        assert application is not None  # a window requires one
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            return self._space(event)
        if kind == QEvent.Type.ApplicationDeactivate:
            self._canvas.show_bare(False)
        return super().eventFilter(watched, event)

    def stop(self) -> None:
        """Stop listening."""
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]

    def _space(self, event: QKeyEvent) -> bool:
        """Show the original image while Space is held, except where Space has another meaning."""
        if event.key() != Qt.Key.Key_Space or event.modifiers():
            return False
        if event.type() == QEvent.Type.KeyRelease:
            if not event.isAutoRepeat():
                self._canvas.show_bare(False)
            return False
        focus = QApplication.focusWidget()
        if QApplication.activeWindow() is not self._window or isinstance(
            focus, QLineEdit | QPlainTextEdit | QAbstractButton | QComboBox
        ):
            return False
        if not event.isAutoRepeat():
            self._canvas.show_bare(True)
        # Otherwise a list would use the key for its selection.
        return isinstance(focus, QAbstractItemView)
