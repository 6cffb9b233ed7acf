"""'What if': the tools on the canvas and the panel beside it, to the controller of edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from PySide6.QtCore import QObject, QPoint

from engine.edits.boxes import reached, whole
from engine.edits.changes import CHANGES
from engine.records.edits import (
    NO_EDITS,
    Brush,
    Change,
    Changing,
    Crop,
    Edit,
    Edits,
    Ellipse,
    Filling,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Rectangle,
    Shape,
)
from gui.controllers.controller import Controller
from gui.controllers.edits.curves import placed
from gui.controllers.edits.editing import exchanged
from gui.handlers.edits.edit_files import EditFiles
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import mnemonics
from gui.widgets.canvas.tools.drawing import Tool
from gui.window.commands.table import TOOLS
from gui.window.main_window import MainWindow

_OPEN_ONLY = (*(f"tool_{name}" for name in TOOLS), "brush_smaller", "brush_larger", "paste_part")


_OUTSIDE = "That lies outside the image, where it changes nothing: draw on the image."
_BRUSH = 0.04
"""The radius of the brush at first, in parts of the image's shorter side."""


class WhatIf(QObject):
    """Connects tools, panel and commands."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._editor = editor = controller.what_if.editor
        self._tool = tool = window.edit_tool
        self._panel = panel = window.what_if
        self._curves, self._places = controller.what_if.curves, controller.what_if.places
        self._actions = window.actions_by_id
        self._before: Edits = NO_EDITS
        self.files = EditFiles(window, state, controller, settings)
        tool.drafted.connect(self._drafted)
        tool.done.connect(self._done)
        tool.given_up.connect(editor.abandon)
        tool.altered.connect(lambda place, edit: editor.draft(exchanged(self._before, place, edit)))
        tool.settled.connect(self._settled)
        tool.selected.connect(editor.select)
        tool.removed.connect(self._remove)
        tool.sized.connect(self._note_size)
        self._sized = False
        panel.edits.chosen.connect(editor.select)
        panel.edits.switched.connect(editor.switch)
        panel.edits.removed.connect(self._remove)
        panel.edits.menu_wanted.connect(self._show_menu)
        panel.menu_wanted.connect(self._show_menu)
        panel.filling_chosen.connect(self._fill)
        panel.mode_chosen.connect(self._keep)
        panel.hottest_moved.connect(self._hottest)
        panel.hottest_settled.connect(self._hottest_settled)
        panel.change.picked.connect(controller.what_if.curves.look_at)
        panel.change.moved.connect(self._change)
        panel.change.settled.connect(
            lambda: editor.finish(self._change_words, panel.change.what.value)
        )
        panel.folded.connect(lambda: self.open(False))
        editor.drafted.connect(self._note)
        state.edits_changed.connect(self._note)
        state.current_changed.connect(self._left)
        for changed in (state.current_changed, state.image_updated):
            changed.connect(self._suit_brush)
        self._connect_actions()
        self.open(False)

    def _connect_actions(self) -> None:
        actions, editor = self._actions, self._editor
        actions["what_if"].triggered.connect(self.open)
        handlers: dict[str, Callable[[], object]] = {
            f"tool_{name}": partial(self.choose, name) for name in TOOLS
        }
        handlers |= {
            "brush_smaller": lambda: self._tool.grow_brush(-1),
            "brush_larger": lambda: self._tool.grow_brush(1),
            "paste_part": self._paste,
            "paste_map": lambda: self._places.ask(editor.selected),
            "remove_edit": lambda: self._remove(editor.selected),
            "clear_edits": editor.clear,
            "share_edits": lambda: editor.give_others(
                [key for key in self._state.images if key != self._state.current_key]
            ),
        }
        actions.connect(handlers)

    # --- opening ---------------------------------------------------------------------------------

    def open(self, on: bool) -> None:
        """Open the tools and the panel, or fold them away; the edits stay."""
        self._window.set_what_if(on)
        self._actions.check("what_if", on)
        self._actions.enable(_OPEN_ONLY, on)
        self._tool.set_shown(on)
        self.choose("select" if on else "")
        if not on:
            self._curves.look_at(None)

    def choose(self, tool: Tool) -> None:
        """Choose a tool; '' leaves the canvas alone."""
        self._tool.choose(tool)
        self._suit_brush()
        for name in TOOLS:
            self._actions.check(f"tool_{name}", name == tool)
        if tool:
            self._window.canvas.setFocus()

    def _suit_brush(self, _changed: object = None) -> None:
        """A brush that suits the image on the screen, until the user has sized it."""
        shown = self._state.loaded_of(self._state.pane)
        if self._tool.tool == "brush" and not self._sized and shown is not None:
            self._tool.set_radius(max(1.0, _BRUSH * min(shown.width, shown.height)))

    def _note_size(self, _radius: float) -> None:
        """From now on, the brush is as large as the user wants it."""
        self._sized = True

    def back(self) -> bool:
        """Drop what is being drawn, the map of positions, or the tool; whether there was any."""
        if self._tool.give_up() or self._places.leave():
            return True
        if self._tool.tool in ("", "select"):
            return False
        self.choose("select")
        return True

    # --- drawing ---------------------------------------------------------------------------------

    def _note(self, _key: object = None) -> None:
        """The edits on which a gesture that goes on is based."""
        if not self._editor.drafting:
            self._before = self._editor.edits

    def _left(self) -> None:
        """Another image is shown: what was drawn on the last one is finished."""
        self._tool.give_up()
        self._note()

    def _edit_for(self, shape: Shape) -> Edit:
        if self._tool.tool == "crop":
            assert isinstance(shape, Rectangle)
            return Crop(shape)
        return Hide(shape, self._panel.filling, self._panel.keep)

    def _drafted(self, shape: Shape) -> None:
        if self._tool.tool == "copy":
            return
        edit = self._edit_for(shape)
        steps = self._before.steps
        if isinstance(edit, Crop):
            # A new frame in place of the old one.
            steps = tuple(step for step in steps if not isinstance(step, Crop))
        self._editor.draft(Edits((*steps, edit)), rest=not isinstance(edit, Crop))

    def _done(self, shape: Shape) -> None:
        if self._is_outside(shape):
            self._editor.abandon()
            self._state.notify(NoticeKind.INFO, _OUTSIDE)
            return
        if self._tool.tool == "copy":
            assert isinstance(shape, Rectangle)
            self._editor.copy_part(shape)
            self.choose("select")
            return
        edit = self._edit_for(shape)
        if isinstance(edit, Crop):
            self._editor.crop(edit.part)
        else:
            self._drafted(shape)
            self._editor.finish(_words(edit))
            self._editor.select(len(self._editor.edits.steps) - 1)

    def _is_outside(self, shape: Shape) -> bool:
        """Whether a drawn shape has no pixel of the image, as its file has it."""
        image = self._state.current
        if image is None or image.loaded is None or isinstance(shape, Hottest):
            return False
        height, width = image.loaded.pixels.shape[:2]
        return reached(shape).within(whole(height, width)).is_empty

    def _paste(self) -> None:
        self.choose("select")
        self._editor.paste_part(self._tool.middle())

    def _settled(self) -> None:
        edit = self._editor.chosen
        words = f"move {_thing(edit)}" if edit is not None else "move edit"
        self._editor.finish(words, f"move {self._editor.selected}" if self._tool.nudging else "")

    def _remove(self, place: int) -> None:
        steps = self._editor.edits.steps
        if 0 <= place < len(steps):
            self._editor.remove(place, f"remove {_thing(steps[place])}")

    # --- the panel -------------------------------------------------------------------------------

    def _fill(self, filling: Filling) -> None:
        edit = self._editor.chosen
        if isinstance(edit, Hide) and edit.filling != filling:
            self._editor.put(self._editor.selected, replace(edit, filling=filling), "change fill")

    def _keep(self, keep: bool) -> None:
        edit = self._editor.chosen
        if isinstance(edit, Hide) and edit.keep != keep:
            words = "keep region" if keep else "hide region"
            self._editor.put(self._editor.selected, replace(edit, keep=keep), words)

    def _hottest(self, percent: float) -> None:
        """Hide or keep the hottest pixels by the map on the screen; 0 % removes that edit."""
        steps = self._before.steps
        place = next((i for i, step in enumerate(steps) if _is_hottest(step)), None)
        if place is not None:
            known = cast(Hide, steps[place])
            shape = replace(cast(Hottest, known.shape), percent=percent)
            rest = steps[:place] + steps[place + 1 :]
            steps = (
                (*steps[:place], replace(known, shape=shape, on=True), *steps[place + 1 :])
                if percent
                else rest
            )
        elif percent:
            hide = Hide(self._hottest_by(percent), self._panel.filling, self._panel.keep)
            # Its map is of the image as it is now, and so of what was done before.
            steps = (*steps, hide)
        self._editor.draft(Edits(steps))

    def _change(self, what: Changing, amount: float) -> None:
        """Change the image by an amount; the one that changes nothing removes that edit."""
        steps, place = placed(self._before, what)
        if amount == CHANGES[what].neutral:
            kept = (*steps.steps[:place], *steps.steps[place + 1 :])
        else:
            own = replace(cast(Change, steps.steps[place]), amount=amount, on=True)
            kept = (*steps.steps[:place], own, *steps.steps[place + 1 :])
        self._editor.draft(Edits(kept))
        self._curves.look_at(what)

    @property
    def _change_words(self) -> str:
        return CHANGES[self._panel.change.what].title.lower()

    def _hottest_by(self, percent: float) -> Hottest:
        shown, state = self._state.explanation, self._state
        if shown is None:
            return Hottest(percent)
        return Hottest(
            percent,
            shown.layer or None,
            shown.target.index,
            state.answered,
            shown.method,
            shown.options,
        )

    def _hottest_settled(self) -> None:
        self._editor.finish("keep hottest" if self._panel.keep else "hide hottest", "hottest")
        # So that fill and mode go on being those of this edit.
        steps = self._editor.edits.steps
        self._editor.select(next((i for i, step in enumerate(steps) if _is_hottest(step)), -1))

    def _show_menu(self, place: QPoint) -> None:
        menu = mnemonics.passing_menu(self._panel)
        actions = self._actions
        menu.addActions([actions[id] for id in ("paste_map", "remove_edit", "clear_edits")])
        menu.addSeparator()
        ids = ("share_edits", "copy_edits", "export_edits", "open_edits")
        menu.addActions([actions[id] for id in ids])
        menu.popup(place)


def _is_hottest(edit: Edit) -> bool:
    return isinstance(edit, Hide) and isinstance(edit.shape, Hottest)


def _thing(edit: Edit) -> str:
    if isinstance(edit, Crop):
        return "crop"
    if isinstance(edit, Paste):
        return "pasted part"
    if not isinstance(edit, Hide):
        return "change"
    names = {Ellipse: "ellipse", Lasso: "lasso", Brush: "brush stroke", Hottest: "hottest part"}
    return names.get(type(edit.shape), "rectangle")


def _words(edit: Edit) -> str:
    """'hide region', 'keep region', 'paint'."""
    if isinstance(edit, Hide) and isinstance(edit.shape, Brush) and not edit.keep:
        return "paint"
    return "keep region" if isinstance(edit, Hide) and edit.keep else "hide region"
