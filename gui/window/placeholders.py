"""The window's first size, and what stands for the canvas and the panels when it is painted first,
in their colours."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette, QScreen
from PySide6.QtWidgets import QWidget

from gui.toolkit.labels import label

_FIRST_SIZE = QSize(1280, 800)
_FRAME = QSize(8, 40)  # about what a desktop draws round a window


def first_size(screen: QScreen) -> QSize:
    """The size of the first start, which has room on that screen."""
    return _FIRST_SIZE.boundedTo(screen.availableSize() - _FRAME)


def canvas_room(least: QSize) -> QWidget:
    """Room for the canvas. least: the smallest size that the canvas will have."""
    widget = QWidget()
    widget.setMinimumSize(least)
    # The palette has the colour of the canvas there.
    widget.setBackgroundRole(QPalette.ColorRole.Shadow)
    widget.setAutoFillBackground(True)
    return widget


def panel_room(least: int, text: str = "") -> QWidget:
    """Room for a panel, with words in its middle. least: its smallest width."""
    widget = label(text, "dim")
    widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
    widget.setProperty("panel", True)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    widget.setMinimumWidth(least)
    return widget
