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
from shiboken6 import isValid

from gui.widgets.canvas.image_canvas import ImageCanvas


class BareKey(QObject):
    """Handles Space in the whole window, wherever the focus is.

    It listens to the window and to what has the focus in it. A filter of the application would be
    called for every event of every object, and wait for the engine's Python each time.
    """

    def __init__(self, window: QWidget, canvas: ImageCanvas) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        self._focused: QWidget | None = None
        window.installEventFilter(self)
        application = _application()
        application.focusChanged.connect(self._follow)
        application.applicationStateChanged.connect(self._left)
        self._follow(None, QApplication.focusWidget())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(event, QKeyEvent):
            return self._space(event)
        return False

    def stop(self) -> None:
        """Stop listening."""
        application = _application()
        application.focusChanged.disconnect(self._follow)
        application.applicationStateChanged.disconnect(self._left)
        self._window.removeEventFilter(self)
        self._follow(None, None)

    def _follow(self, _before: QWidget | None, now: QWidget | None) -> None:
        if self._focused is not None and isValid(self._focused):
            self._focused.removeEventFilter(self)
        inside = now is not None and now is not self._window and now.window() is self._window
        self._focused = now if inside else None
        if self._focused is not None:
            self._focused.installEventFilter(self)

    def _left(self, state: Qt.ApplicationState) -> None:
        if state != Qt.ApplicationState.ApplicationActive:
            self._canvas.show_bare(False)

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
        # Repeated presses as well: on X11, a repeat is now and then told as a release and a repeat.
        self._canvas.show_bare(True)
        # Otherwise a list would use the key for its selection.
        return isinstance(focus, QAbstractItemView)


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication)  # a window requires one
    return application
