"""What stands for the canvas and the panels when the window is painted first, in their colours."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QWidget

from gui.labels import label


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
