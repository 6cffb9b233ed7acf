"""The strip of tools at the edge of the canvas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from gui.toolkit import theme


class ToolStrip(QWidget):
    """A column of buttons for actions, by their ids; '' leaves a gap."""

    def __init__(self, actions: Mapping[str, QAction], ids: Sequence[str]) -> None:
        super().__init__()
        box = QVBoxLayout(self)
        box.setContentsMargins(theme.SPACE, 2 * theme.SPACE, theme.SPACE, 2 * theme.SPACE)
        box.setSpacing(theme.SPACE)
        for id in ids:
            if not id:
                box.addSpacing(2 * theme.SPACE)
                continue
            button = QToolButton()
            button.setDefaultAction(actions[id])
            button.setIconSize(QSize(18, 18))
            button.setProperty("tool", True)
            box.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addStretch(1)
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Tools")
