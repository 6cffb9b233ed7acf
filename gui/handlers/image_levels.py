"""Handles levels set by hand, the pages of an image, and its context menu."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu

from engine.records.level_words import window
from engine.records.levels import AUTO, Depth, Levels
from gui.controllers.image_views import ImageViews
from gui.state.state import State
from gui.window.main_window import MainWindow

_WIDER = 16.0
"""How many times wider a window becomes over the whole width of the canvas."""

_SHIFT = 2.0
"""How many widths a window moves over the whole height of the canvas."""


_MENU = (("fit", "actual_size"), ("levels_auto", "previous_page", "next_page"), ("copy", "export"))
_WHERE_POSSIBLE = 1
"""The section of the menu whose actions are left out while they are disabled."""


class ImageLevels(QObject):
    """Connects the right-button drag, the page bar and their menu actions to the images.

    extend_menu: called with the context menu before it is shown, to add what others offer there.
    """

    extend_menu = Signal(QMenu)

    def __init__(self, window: MainWindow, state: State, views: ImageViews) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._views = views
        self._start: tuple[float, float] | None = None
        window.canvas.levels_dragged.connect(self._drag)
        window.canvas.menu_wanted.connect(self._show_menu)
        window.pages.page_chosen.connect(views.choose_page)
        window.actions_by_id.connect(
            {
                "previous_page": lambda: self._step(-1),
                "next_page": lambda: self._step(1),
                "levels_auto": lambda: views.choose_levels(AUTO),
            }
        )

    def _show_menu(self, place: QPoint) -> None:
        if self._state.current is None:
            return
        menu = QMenu(self._window.canvas)
        menu.aboutToHide.connect(menu.deleteLater)
        for section, ids in enumerate(_MENU):
            actions = [self._window.actions_by_id[id] for id in ids]
            if section == _WHERE_POSSIBLE:
                actions = [action for action in actions if action.isEnabled()]
            if section and actions:
                menu.addSeparator()
            menu.addActions(actions)
        self.extend_menu.emit(menu)
        menu.popup(place)

    def _step(self, by: int) -> None:
        image = self._state.current
        if image is not None:
            self._views.choose_page(image.page + by)

    def _drag(self, across: float, down: float, done: bool) -> None:
        image = self._state.current
        loaded = image.loaded if image is not None else None
        if loaded is None or loaded.depth is None or loaded.shown is None:
            self._start = None
            return
        if self._start is None:
            self._start = loaded.shown.low, loaded.shown.high
        self._views.choose_levels(dragged(self._start, across, down, loaded.depth), settled=done)
        if done:
            self._start = None


def dragged(start: tuple[float, float], across: float, down: float, depth: Depth) -> Levels:
    """The window after a drag by fractions of the canvas: to the right widens it, down raises it.

    start: the values of black and white before.
    """
    low, high = start
    ends = depth.extremes or depth.span
    span = high - low or ends[1] - ends[0] or 1.0
    width = span * _WIDER**across
    centre = (low + high) / 2 + down * _SHIFT * span
    if depth.values.dtype.kind != "f":
        centre, width = float(round(centre)), float(max(1, round(width)))
    return window(centre, max(width, span * 1e-6))
