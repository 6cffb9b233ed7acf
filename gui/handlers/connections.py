"""Connects widgets and menu actions to their handlers.

This file handles the view and its settings; opening, exporting and help have files of their own.
Dialogs are imported on demand, so that the window is painted first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings
from PySide6.QtWidgets import QApplication

from engine.loading.adjustments import Adjustment
from engine.methods.registry import METHODS
from engine.records.display import DisplaySettings
from engine.render.colormaps import COLORMAPS
from engine.render.looks import LOOKS, look_of, with_look
from gui.controllers.controller import Controller
from gui.handlers.choices.choosing import Choosing
from gui.handlers.comparing import Comparing
from gui.handlers.context_menus import ContextMenus
from gui.handlers.edits.undoing import Undoing
from gui.handlers.edits.what_if import WhatIf
from gui.handlers.export import Saver
from gui.handlers.figure_opener import FigureOpener
from gui.handlers.folder.figures import FigureGestures
from gui.handlers.folder.menus import FolderMenus
from gui.handlers.folder.opener import FolderOpener
from gui.handlers.help import Help
from gui.handlers.image_levels import ImageLevels
from gui.handlers.image_opener import ImageOpener
from gui.handlers.input_opener import InputOpener
from gui.handlers.inspecting import Inspecting
from gui.handlers.keeping.note_taker import NoteTaker
from gui.handlers.keeping.session_opener import SessionOpener
from gui.handlers.model_opener import ModelOpener
from gui.handlers.reports.opener import ReportOpener
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import theme
from gui.window.commands.derived import look_command, method_command
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.diagnostics.walkthrough import Walked

_OPACITY_STEP = 0.1
_CONTOURS = (0.25, 0.5, 0.75)


class Handlers(QObject):
    """Connects the window's widgets and actions. second: see Help."""

    def __init__(
        self,
        window: MainWindow,
        state: State,
        controller: Controller,
        settings: Settings,
        second: Callable[[QSettings], Walked],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._settings = settings
        self.images = ImageOpener(window, state, controller, settings)
        self.menus = ContextMenus(window, state, controller.images)
        self.levels = ImageLevels(window, state, controller.views)
        self.models = ModelOpener(window, state, controller, settings)
        self.sessions = SessionOpener(window, state, controller, settings)
        self.notes = NoteTaker(window, state, controller.notes)
        self.input = InputOpener(window, state, controller, settings)
        self.what_if = WhatIf(window, state, controller, settings)
        self.undoing = Undoing(window, state, controller.history, controller.what_if.editor)
        self.saver = Saver(window, state, controller.exports, settings)
        self.reports = ReportOpener(window, state, controller.reports, settings)
        self.figures = FigureOpener(window, state, controller.figures, settings)
        self.folders = FolderOpener(window, state, controller, settings)
        self.folder_menus = FolderMenus(window, state, controller, settings)
        self.folder_figures = FigureGestures(window, state, controller, settings)
        self.inspecting = Inspecting(window, controller, settings)
        self.choosing = Choosing(window, state, controller)
        self.comparing = Comparing(window, state, controller)
        self.menus.compare_wanted.connect(controller.comparer.compare_image)
        self.menus.pin_wanted.connect(controller.choose_class)
        self.menus.pin_wanted.connect(controller.comparer.pin_index)
        self.menus.canvas_menu_filled.connect(self.choosing.asking.parts.extend_menu)
        self.help = Help(window, state, settings, second)
        window.tree.layer_chosen.connect(controller.choose_layer)
        window.tree.layout_chosen.connect(
            lambda layer, layout: controller.models.adjust(Adjustment(layouts=((layer, layout),)))
        )
        window.predictions.class_chosen.connect(controller.choose_class)
        window.display.display_changed.connect(settings.set_display)
        window.strip.fold_asked.connect(self._fold_strip)
        window.strip.folded_changed.connect(partial(window.actions_by_id.check, "fold_strip"))
        window.status.stop_requested.connect(controller.cancel)
        settings.changed.connect(self._show_checks)
        self._connect_actions()
        self._connect_toggles()
        self._show_checks("")

    def _connect_actions(self) -> None:
        window, canvas, panel = self._window, self._window.canvas, self._window.predictions
        handlers: dict[str, Callable[[], object]] = {
            "reset_settings": self.reset_settings,
            "quit": window.close,
            "fit": canvas.fit,
            "actual_size": canvas.actual_size,
            "zoom_in": canvas.zoom_in,
            "zoom_out": canvas.zoom_out,
            "opacity_down": lambda: self._change_opacity(-_OPACITY_STEP),
            "opacity_up": lambda: self._change_opacity(_OPACITY_STEP),
            "default_layer": self.default_layer,
            "filter_layers": self._filter,
            "previous_class": lambda: panel.step(-1),
            "next_class": lambda: panel.step(1),
            "find_class": lambda: self._on_picture(panel.focus_search),
            "find_image": lambda: self._on_picture(window.strip.focus_search),
            "choose_method": self.choosing.open_methods,
            "choose_question": self.choosing.open_questions,
            "cancel": self._cancel,
        }
        for rank in range(1, 10):
            handlers[f"class_{rank}"] = partial(panel.choose_rank, rank)
        for method in METHODS:
            handlers[method_command(method.slug)] = partial(
                self._controller.choose_method, method.slug
            )
        for sign in ("positive", "negative", "signed"):
            handlers[f"sign_{sign}"] = partial(self._display, sign=sign)
        for name in COLORMAPS:
            handlers[f"colormap_{name}"] = partial(self._display, colormap=name)
        for look in LOOKS:
            handlers[look_command(look.slug)] = partial(self._choose_look, look.slug)
        for choice in ("system", "light", "dark"):
            handlers[f"theme_{choice}"] = partial(self._settings.set, table.THEME, choice)
        window.actions_by_id.connect(handlers)

    def _filter(self) -> None:
        """Move the keyboard to the field of the page in front that filters its list."""
        page = self._window.folder
        if page is not None and self._window.on_folder:
            page.filters.field.setFocus()
            page.filters.field.selectAll()
        else:
            self._window.tree.focus_filter()

    def _on_picture(self, focus: Callable[[], object]) -> None:
        """Move the keyboard to a field of the Picture page, which would not be seen behind the
        other one."""
        if self._window.on_folder:
            self._controller.folders.turn("picture")
        focus()

    def _connect_toggles(self) -> None:
        window = self._window
        toggles: dict[str, Callable[[bool], object]] = {
            "overlay": window.panes.set_overlay_visible,
            "grid": lambda on: self._display(interpolation="grid" if on else "smooth"),
            "grey": lambda on: self._display(backdrop="grey" if on else "colour"),
            "contours": lambda on: self._display(contours=_CONTOURS if on else ()),
            "sweep": lambda on: self._settings.set(table.SWEEP_ENABLED, on),
            "fold_strip": self._fold_strip,
            "exact": lambda on: self._settings.set(table.EXACT, on),
            "keep_selection": lambda on: self._settings.set(table.KEEP_SELECTION, on),
            "panels": window.set_panels_visible,
        }
        for id, toggle in toggles.items():
            window.actions_by_id[id].triggered.connect(toggle)
        window.actions_by_id.check("overlay")
        window.actions_by_id.check("panels")
        window.actions_by_id.check("fold_strip", window.strip.folded)

    def _fold_strip(self, on: bool) -> None:
        self._settings.set(table.STRIP, "folded" if on else "open")

    def _cancel(self) -> None:
        """Leave a tool, or what the inspector shows on the canvas, stop what is under way, or go
        back to the folder that the image was opened from."""
        if self.notes.leave() or self.what_if.back() or self.inspecting.back():
            return
        if not (self._controller.at_rest and self.folders.back()):
            self._controller.leave()

    def default_layer(self) -> None:
        self._controller.choose_layer(None)
        if self._state.info is not None:
            self._window.tree.select(self._state.info.default_layer)

    def _display(self, **changes: str | tuple[float, ...]) -> None:
        display: DisplaySettings = replace(self._settings.display(), **changes)  # type: ignore[arg-type]
        self._settings.set_display(display)

    def _choose_look(self, slug: str) -> None:
        self._settings.set_display(with_look(self._settings.display(), slug))

    def _change_opacity(self, by: float) -> None:
        display = self._settings.display()
        opacity = round(min(1.0, max(0.0, display.opacity + by)), 2)
        self._settings.set_display(replace(display, opacity=opacity))

    def _show_checks(self, key: str) -> None:
        display, checks = self._settings.display(), self._window.actions_by_id
        checks.check(f"sign_{display.sign}")
        checks.check(f"colormap_{display.colormap}")
        for look in LOOKS:
            checks.check(look_command(look.slug), look_of(display) == look.slug)
        checks.check("grey", display.backdrop == "grey")
        checks.check("contours", bool(display.contours))
        checks.check("grid", display.interpolation == "grid")
        checks.check("sweep", self._settings.get(table.SWEEP_ENABLED))
        checks.check("exact", self._settings.get(table.EXACT))
        checks.check("keep_selection", self._settings.get(table.KEEP_SELECTION))
        self._window.set_strip(self._settings.get(table.STRIP))
        checks.check(f"theme_{self._settings.theme()}")
        if key == table.THEME.key:
            application = QApplication.instance()
            if isinstance(application, QApplication):
                theme.apply(application, self._settings.theme())

    def reset_settings(self) -> None:
        from gui.widgets.dialogs.small import ResetDialog

        dialog = ResetDialog(self._window)
        dialog.confirmed.connect(self._reset)
        dialog.open()

    def _reset(self) -> None:
        self._settings.reset()
        self._window.reset_layout()
        self._state.notify(NoticeKind.INFO, "All settings have been reset to their defaults.")
