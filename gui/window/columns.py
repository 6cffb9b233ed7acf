"""The columns of the picture page: the tree, the picture, and the panels at its side."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import QSplitter, QWidget

from gui.toolkit import theme
from gui.window.placeholders import canvas_room, panel_room

# The picture gets the room: the tree is the first to be narrow, and shows names and maps alone.
_LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST = 0.17, 176, 440
_RIGHT_SHARE, _RIGHT_LEAST, _RIGHT_MOST = 0.2, 240, 280
_LEAST_MIDDLE = 200
NARROWEST = 176
# Wide enough for a sentence with a button below it.
LEAST_CANVAS = QSize(60 * theme.SPACE, 30 * theme.SPACE)


class Columns(QSplitter):
    """Three columns, whose widths follow the window until the user moves one.

    At first they hold placeholders. text: what the left one says.
    """

    def __init__(self, text: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._own = False
        for widget in (
            panel_room(NARROWEST, text),
            canvas_room(LEAST_CANVAS),
            panel_room(NARROWEST),
        ):
            self.addWidget(widget)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self._share_width()
        self.splitterMoved.connect(self._moved)

    def fill(self, left: QWidget, middle: QWidget, right: QWidget) -> None:
        """Replace the placeholders by widgets; the widths stay."""
        widths = self.saveState()
        for panel in (left, right):
            least = max(panel.minimumWidth(), panel.minimumSizeHint().width())
            panel.setMinimumWidth(max(NARROWEST, least))
        for place, widget in enumerate((left, middle, right)):
            room = self.replaceWidget(place, widget)
            if room is not None:
                room.deleteLater()
        self._share_width()
        self.restoreState(widths)

    def _share_width(self) -> None:
        """Give extra width to the canvas only."""
        for place, stretch in enumerate((0, 1, 0)):
            self.setStretchFactor(place, stretch)

    def _moved(self) -> None:
        """From now on, the widths are the user's, whatever the size of the window."""
        self._own = True

    def fit(self, width: int) -> None:
        """Set the default widths in a window of this width, unless the user has set others."""
        if self._own:
            return
        left = min(_LEFT_MOST, max(_LEFT_LEAST, round(_LEFT_SHARE * width)))
        right = min(_RIGHT_MOST, max(_RIGHT_LEAST, round(_RIGHT_SHARE * width)))
        self.setSizes([left, max(_LEAST_MIDDLE, width - left - right), right])

    def forget(self) -> None:
        """Follow the window again."""
        self._own = False

    def save(self) -> bytes:
        """The user's widths, for restore; empty where they follow the window."""
        return bytes(self.saveState().data()) if self._own else b""

    def restore(self, state: bytes) -> None:
        """Restore the widths of the last run; Qt ignores invalid data."""
        if state:
            self._own = self.restoreState(QByteArray(state))
