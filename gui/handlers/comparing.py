"""Connects the commands and gestures of comparing to its controller."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from gui.controllers.controller import Controller
from gui.state.state import State
from gui.toolkit import mnemonics
from gui.window.main_window import MainWindow


class Comparing(QObject):
    """Connects menus, keys, panes and the panels' own entries."""

    def __init__(self, window: MainWindow, state: State, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._comparer = comparer = controller.comparer
        window.panes.pane_pressed.connect(comparer.activate)
        window.panes.close_requested.connect(self._close)
        window.panes.menu_wanted.connect(self._show_menu)
        window.predictions.menu_filled.connect(self._add_class)
        window.tree.menu_filled.connect(self._add_layer)
        window.methods.menu_wanted.connect(self._show_method_menu)
        window.compared.connect(self._dropped)
        window.actions_by_id.connect(
            {
                "compare": lambda: comparer.pick(not state.picking),
                "compare_bare": comparer.compare_bare,
                "next_pane": lambda: comparer.step(1),
                "close_pane": comparer.close,
                "one_pane": comparer.single,
                "panes_again": comparer.again,
            }
        )
        window.predictions.head.unpinned.connect(lambda: comparer.pin_class(False))
        toggles: dict[str, Callable[[bool], object]] = {
            "swipe": comparer.swipe,
            "difference": comparer.differ,
            "lock_scale": comparer.lock_scale,
            "pin_class": comparer.pin_class,
        }
        for name in ("zoom", "cursor", "scale", "selection"):
            toggles[f"link_{name}"] = partial(self._link, name)
        for id, toggle in toggles.items():
            window.actions_by_id[id].triggered.connect(toggle)

    def _link(self, name: str, on: bool) -> None:
        self._comparer.link(**{name: on})

    def _add_class(self, menu: QMenu, index: int) -> None:
        _first(menu, "Compare with this class", lambda: self._comparer.compare_class(index))

    def _add_layer(self, menu: QMenu, address: str) -> None:
        node = self._state.node(address)
        if node is not None and node.explainable:
            _first(menu, "Compare with this layer", lambda: self._comparer.compare_layer(address))

    def _show_method_menu(self, slug: str, place: QPoint) -> None:
        panel = self._window.methods
        menu = mnemonics.passing_menu(panel)

        def compare() -> None:
            panel.close()
            self._comparer.compare_method(slug)

        _first(menu, "Compare with this method", compare)
        menu.popup(place)

    def _dropped(self, kind: str, value: str) -> None:
        comparer = self._comparer
        if kind == "class" and value.isdecimal():
            comparer.compare_class(int(value))
        elif kind == "layer":
            comparer.compare_layer(value)
        elif kind == "image":
            comparer.compare_image(value)
        elif kind == "method":
            comparer.compare_method(value)

    def _close(self, number: int) -> None:
        if self._state.pane_of(number) is None:
            self._comparer.differ(False)
        else:
            self._comparer.close(number)

    def _show_menu(self, number: int, place: QPoint) -> None:
        """The menu of a pane that is not active, which makes it active for most of its entries."""
        menu = mnemonics.passing_menu(self._window)
        if self._state.pane_of(number) is not None and number != self._state.pane.number:
            menu.addAction("Make active").triggered.connect(lambda: self._comparer.activate(number))
        menu.addAction("Close this pane").triggered.connect(lambda: self._close(number))
        menu.addSeparator()
        actions = self._window.actions_by_id
        menu.addActions([actions[id] for id in ("swipe", "difference", "one_pane")])
        menu.popup(place)


def _first(menu: QMenu, text: str, handler: Callable[[], object]) -> None:
    """Add an entry above all others of a menu."""
    entry = QAction(text, menu)
    entry.triggered.connect(lambda _checked=False: handler())
    menu.insertAction(menu.actions()[0] if menu.actions() else None, entry)  # type: ignore[arg-type]
