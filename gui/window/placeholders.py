"""The initial window size, and the placeholders for canvas and panels in the first frame."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette, QScreen
from PySide6.QtWidgets import QWidget

from gui.toolkit.labels import label
from gui.toolkit.windows import FRAME

_FIRST_SIZE = QSize(1280, 800)


def first_size(screen: QScreen) -> QSize:
    """The default window size, limited to the screen."""
    return _FIRST_SIZE.boundedTo(screen.availableSize() - FRAME)


def canvas_room(least: QSize) -> QWidget:
    """A placeholder for the canvas. least: its minimum size."""
    widget = QWidget()
    widget.setMinimumSize(least)
    # The palette holds the canvas colour in this role.
    widget.setBackgroundRole(QPalette.ColorRole.Shadow)
    widget.setAutoFillBackground(True)
    return widget


def panel_room(least: int, text: str = "") -> QWidget:
    """A placeholder for a panel, with centred text. least: its minimum width."""
    widget = label(text, "dim")
    widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
    widget.setProperty("panel", True)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    widget.setMinimumWidth(least)
    return widget
