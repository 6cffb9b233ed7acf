"""The line that says which class was expected, and switches between it and the predicted one."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme, windows
from gui.toolkit.labels import ElidedLabel
from gui.toolkit.segments import Segments

_PARTS: Final = (
    ("predicted", "Predicted", "The map of the predicted class"),
    ("expected", "Expected", "The map of the expected class"),
    ("contrast", "Contrast", "What speaks for the predicted class rather than the expected one"),
)


_COMPARE: Final = "Show what tells the predicted class from the expected one"


class ExpectedLine(QWidget):
    """Hidden where no class is expected.

    wanted: compare the two classes. part_wanted(part): show 'predicted', 'expected' or 'contrast'.
    """

    wanted = Signal()
    part_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._words = ElidedLabel("dim")
        self._compare = QToolButton()
        self._compare.setText("Compare")
        self._compare.setProperty("link", True)
        self._compare.clicked.connect(self.wanted)
        # The line keeps its height when the switch takes the link's place.
        kept = self._compare.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._compare.setSizePolicy(kept)
        self._parts = Segments("Compared", _PARTS)
        self._parts.chosen.connect(self.part_wanted)
        top = QHBoxLayout()
        top.setSpacing(2 * theme.SPACE)
        top.addWidget(self._words, 1)
        top.addWidget(self._compare)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 0, 8, 0)
        box.setSpacing(theme.SPACE)
        box.addLayout(top)
        box.addWidget(self._parts)
        self.clear()

    def clear(self) -> None:
        """No class is expected."""
        self.hide()

    def show_expected(
        self, label: str, *, hit: bool, comparing: bool, part: str, by_hand: bool, reason: str
    ) -> None:
        """Show the expected class.

        hit: it is the predicted one. comparing: the two are compared, and part is on the screen.
        by_hand: the user said so, not the image's folder. reason: why the two cannot be compared.
        """
        words = f"Expected: {plain_text.line(label)}"
        self._words.show_text(f"{words}, as predicted" if hit else words)
        whence = "set by hand" if by_hand else "the name of the image's folder"
        self._words.setToolTip(plain_text.tip(f"{words} ({whence})"))
        self._compare.setEnabled(not reason)
        self._compare.setToolTip(plain_text.tip(reason or _COMPARE))
        self._parts.enable("contrast", reason)
        if comparing and not hit:
            windows.replace(self._compare, self._parts)
        else:
            self._compare.setVisible(not hit)
            self._parts.hide()
        self._parts.show_choice(part)
        self.show()
