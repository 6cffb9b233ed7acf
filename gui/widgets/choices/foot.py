"""What stands below the rows: a setting that all of them share."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from gui.toolkit import theme
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import label

GAP = theme.SPACE


class Foot(QWidget):
    """A name and a segmented control, segments."""

    def __init__(self, name: str, choices: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self.segments = Segments(name, choices)
        self.setObjectName("foot")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        row.setSpacing(3 * GAP)
        row.addWidget(label(name, "dim"))
        row.addStretch(1)
        row.addWidget(self.segments)
