"""Where notices stand: above the picture, or, on the folder page, over the status line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QMainWindow, QVBoxLayout

from gui.widgets.bars.notice_bar import NoticeBar
from gui.widgets.bars.status_bar import StatusBar

_MOVING = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.LayoutRequest)


class NoticeLane(QObject):
    """Moves the notice bar when another page of the window comes to the front.

    On the folder page, rows, chips and cells are clicked one after the other, and many of these
    clicks are answered by a notice: one above the page would push what comes next away from the
    pointer. Over the status line it takes no room, whether there is one or not. A notice of several
    lines covers the edge of the page above.
    """

    def __init__(
        self, window: QMainWindow, rows: QVBoxLayout, notice: NoticeBar, status: StatusBar
    ) -> None:
        super().__init__(window)
        self._window = window
        self._rows = rows
        self._notice = notice
        self._status = status
        self._at_foot = False
        rows.insertWidget(0, notice)
        for widget in (notice, status):
            widget.installEventFilter(self)

    def stand_at_foot(self, on: bool) -> None:
        """Let notices stand over the status line, or above the page."""
        if on == self._at_foot:
            return
        self._at_foot = on
        # Moving it to another parent hides it.
        shown = not self._notice.isHidden()
        self._notice.set_at_foot(on)
        if on:
            self._rows.removeWidget(self._notice)
            self._notice.setParent(self._window)
            self._place()
        else:
            self._rows.insertWidget(0, self._notice)
        self._notice.setVisible(shown)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._at_foot and event.type() in _MOVING:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        """Cover the facts of the status line; what runs, and can be stopped there, stays in
        sight."""
        status = self._status.geometry()
        self._notice.resize(self._status.facts_width, self._notice.height())
        self._notice.move(status.left(), status.bottom() + 1 - self._notice.height())
        self._notice.raise_()
