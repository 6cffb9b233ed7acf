"""What stands below the rows: a setting that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from gui.toolkit import theme
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import label

GAP = theme.SPACE

SCORES: Final = (
    ("logit", "Logit", "The class's own score, whatever the others have"),
    ("log-probability", "Log-probability", "Rises with the class and falls with the others"),
    ("probability", "Probability", "Flat where the network is certain: its gradient vanishes"),
)
"""The scores that a question may be asked by, below the questions."""


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
