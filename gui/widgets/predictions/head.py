"""The title of the panel, and beside it that a class is pinned."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label


class Head(QWidget):
    """unpinned: the user releases the pinned class."""

    unpinned = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pinned = QToolButton()
        self._pinned.setText("Pinned")
        self._pinned.setProperty("link", "low")
        self._pinned.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._pinned.clicked.connect(self.unpinned)
        # The title stays where it is when the button comes and goes.
        kept = self._pinned.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._pinned.setSizePolicy(kept)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * theme.SPACE, 0, 2 * theme.SPACE, 0)
        title = label("Predictions", "header")
        row.addWidget(title, 1)
        row.addWidget(self._pinned)
        # As high as the titles of the other panels.
        self._pinned.setMaximumHeight(title.sizeHint().height())
        self.show_pinned(None)

    def show_pinned(self, name: str | None) -> None:
        """Say that this class is kept from image to image; None if none is."""
        self._pinned.setVisible(name is not None)
        words = (
            f"Every image is asked about {name}. Click, or press P, to release it" if name else ""
        )
        self._pinned.setToolTip(plain_text.tip(words))
        self._pinned.setAccessibleName(plain_text.line(f"Pinned: {name}" if name else "Pinned"))
