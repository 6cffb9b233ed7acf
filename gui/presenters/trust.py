"""Fills the page Trust of the inspector."""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.records.images import Region
from gui.controllers.inspector.trusting import Trusting
from gui.state.state import State
from gui.window.main_window import MainWindow

_NO_MAP = "Figures appear once there is a map."


class TrustPresenter(QObject):
    """Shows nothing but on the page that is open."""

    def __init__(self, window: MainWindow, state: State, trusting: Trusting) -> None:
        super().__init__(window)
        self._window, self._drawer = window, window.drawer
        self._state, self._trusting = state, trusting
        self._part = 0.0
        self._drawer.opened.connect(self._opened)
        trusting.changed.connect(self._show)
        trusting.progressed.connect(self._progress)

    @property
    def _is_open(self) -> bool:
        return self._drawer.filled and self._drawer.current == "trust"

    def _opened(self, page: str) -> None:
        self._trusting.look_at(page)
        if page != "trust":
            self._window.box_tool.set_on(False)
            self._window.box_tool.show_regions(())
        self._show()

    def _show(self) -> None:
        if not self._is_open:
            return
        page, trusting = self._drawer.trust, self._trusting
        marked = trusting.marked
        boxes = () if marked is None else marked.boxes
        self._window.box_tool.show_regions([Region(b.x, b.y, b.width, b.height) for b in boxes])
        page.clear_action.setEnabled(marked is not None)
        self._part = self._part if trusting.busy else 0.0
        page.set_progress(self._part if trusting.busy else None, trusting.problem)
        if trusting.request is None:
            page.set_message(_NO_MAP)
            return
        page.set_figures(
            trusting.figures, trusting.notes, trusting.under_way, marked=marked is not None
        )

    def _progress(self, part: float, words: str) -> None:
        if self._is_open and self._trusting.busy:
            self._part = part
            self._drawer.trust.set_progress(part, words)
