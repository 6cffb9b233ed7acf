"""Presents the panes: their canvases, the lines above them, and the scale that they share.

The canvas of the active pane is filled by the main presenter; here it only gets what depends on the
others.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from engine.methods.registry import title_of
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.render.overlay import value_range
from gui.controllers.controller import Controller
from gui.presenters.edits import frame_in
from gui.presenters.pane_difference import EXPLAINED, Difference
from gui.presenters.pane_headings import heading
from gui.settings.store import Settings
from gui.state.panes import Pane
from gui.state.scale import shared_end
from gui.state.state import State
from gui.toolkit.imaging import Picture
from gui.widgets.canvas.panes.pane_canvas import PaneCanvas
from gui.widgets.canvas.panes.pane_header import Heading
from gui.widgets.canvas.panes.panes import DIFFERENCE, Linked
from gui.window.main_window import MainWindow

_PROMPT = "Choose what to compare with. Esc: nothing"
_ACTIONS = ("next_pane", "close_pane", "one_pane")


class PanePresenter(QObject):
    """Shows the state's panes in the window."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._panes = window.panes
        self._state = state
        self._controller = controller
        self._settings = settings
        self._pictures: dict[PaneCanvas, Picture | None] = {}
        self._maps: dict[PaneCanvas, Explanation | None] = {}
        self._active = state.pane.number
        self._difference = Difference()
        # What changes in several panes at once is shown pane by pane: the overlays of four
        # photographs, coloured in one turn of the event loop, would hold the pointer up.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_next)
        state.panes_changed.connect(self._arrange)
        state.pane_changed.connect(lambda _number: self._later.start(0))
        for changed in (
            state.answer_changed,
            state.current_changed,
            state.image_updated,
            state.edits_changed,
        ):
            changed.connect(self._show)
        settings.changed.connect(self._setting_changed)
        state.picking_changed.connect(self._show_picking)
        state.pinned_changed.connect(self._show_actions)
        controller.comparer.restored.connect(self._restore_selection)
        self._show_actions()

    def _setting_changed(self, key: str) -> None:
        if key.startswith("display/"):
            self._show()
            self._show_actions()

    # --- which panes there are -------------------------------------------------------------------

    def _arrange(self) -> None:
        state, panes = self._state, self._panes
        numbers = [pane.number for pane in state.panes]
        if self._differs:
            numbers.append(DIFFERENCE)
        panes.show_panes(numbers, state.pane.number, swiped=state.swiped)
        kept = set(panes.canvases.values())
        self._pictures = {c: p for c, p in self._pictures.items() if c in kept}
        self._maps = {c: m for c, m in self._maps.items() if c in kept}
        self._show()
        panes.restore_sights()
        panes.link(Linked(state.links.zoom, state.links.cursor))
        self._show_actions()

    @property
    def _differs(self) -> bool:
        return self._state.differing and len(self._state.panes) == 2

    def _show_actions(self) -> None:
        state, actions = self._state, self._window.actions_by_id
        several = len(state.panes) > 1
        actions.enable(_ACTIONS, several)
        actions.enable(("panes_again",), not several and len(state.put_aside) > 1)
        actions.enable(("swipe", "difference"), len(state.panes) == 2)
        for name in ("zoom", "cursor", "scale", "selection"):
            actions.check(f"link_{name}", getattr(state.links, name))
        actions.check("swipe", state.swiped)
        actions.check("difference", state.differing)
        actions.check("lock_scale", self._settings.display().end is not None)
        actions.check("pin_class", state.pinned is not None)
        self._window.predictions.head.show_pinned(state.pinned)

    def _show_picking(self, picking: bool) -> None:
        self._panes.canvas.set_prompt(_PROMPT if picking else "")

    def _restore_selection(self) -> None:
        """Have the panels show what the active pane has selected."""
        state, window = self._state, self._window
        if self._active != state.pane.number:
            # Its image may have come after the panes were arranged.
            self._active = state.pane.number
            self._panes.restore_sights()
        if state.current_key is not None:
            window.strip.select(state.current_key)
        layer = state.layer or (state.info.default_layer if state.info is not None else "")
        if layer:
            window.tree.select(layer)
        shown = state.explanation
        if shown is not None and shown.asked.target is not None:
            window.predictions.select(shown.target.index, shown.target)

    # --- what they show --------------------------------------------------------------------------

    def _show_next(self) -> None:
        """Show what has changed in one of the panes; the others have a turn each."""
        display, _ = self._display()
        canvases = self._panes.canvases
        behind = [
            pane
            for pane in self._state.panes
            if pane is not self._state.pane and self._is_behind(canvases[pane.number], pane)
        ]
        if len(behind) < 2:
            self._show()
            return
        canvas = canvases[behind[0].number]
        canvas.set_display(display)
        self._fill(canvas, behind[0])
        self._later.start(0)

    def _is_behind(self, canvas: PaneCanvas, pane: Pane) -> bool:
        return self._maps.get(canvas) is not (None if pane.bare else pane.explanation)

    def _display(self) -> tuple[DisplaySettings, bool]:
        """The display settings of all panes, and whether they have one scale."""
        own = self._settings.display()
        linked = len(self._state.panes) > 1 and (self._state.links.scale or own.end is not None)
        return (replace(own, end=shared_end(self._state.panes, own)) if linked else own), linked

    def _show(self, _changed: object = None) -> None:
        self._later.stop()
        state, panes = self._state, self._panes
        own, several = self._settings.display(), len(state.panes) > 1
        display, linked = self._display()
        canvases = panes.canvases
        main = canvases[state.pane.number]
        main.set_display(display)
        main.set_plain(state.pane.bare)
        main.set_parts(caption=not several, bar=not linked)
        main.set_frame(frame_in(state, state.pane))
        self._show_scale(display if linked else None)
        if not several:
            return
        for place, pane in enumerate(state.panes, 1):
            canvas = canvases[pane.number]
            if pane is not state.pane:
                canvas.set_parts(caption=False, bar=not linked)
                canvas.set_plain(pane.bare)
                canvas.set_display(display)
                self._fill(canvas, pane)
                canvas.set_frame(frame_in(state, pane))
            panes.show_heading(pane.number, heading(state, place, pane, display))
        if DIFFERENCE in canvases:
            self._show_difference(canvases[DIFFERENCE], own)

    def _fill(self, canvas: PaneCanvas, pane: Pane) -> None:
        image = self._state.images.get(pane.current_key or "")
        picture = self._state.picture_of(pane)
        if image is not None and image.error:
            canvas.show_picture(None)
            self._pictures[canvas] = None
            canvas.set_message("Cannot open this image", image.error)
            return
        if picture is not None and self._pictures.get(canvas) is not picture:
            self._show_picture(canvas, picture)
            loaded = self._state.loaded_of(pane)
            canvas.show_values(loaded.depth if loaded is not None else None)
        explanation = None if pane.bare else pane.explanation
        if self._maps.get(canvas) is not explanation:
            self._maps[canvas] = explanation
            canvas.show_explanation(explanation)
        canvas.set_message("", pane.explain_error)
        if pane.explain_error:
            canvas.set_message("No map", pane.explain_error)
        canvas.set_busy(pane.computing)

    def _show_picture(self, canvas: PaneCanvas, picture: Picture) -> None:
        before = self._pictures.get(canvas)
        self._pictures[canvas] = picture
        if before is not None and before.size == picture.size:
            canvas.replace_picture(picture)
            return
        self._maps[canvas] = None
        # An image that arrives in another pane is fitted, which the active one is not to follow.
        with self._panes.alone():
            canvas.show_picture(picture)
            if self._state.links.zoom:
                canvas.look_relatively(self._panes.canvas.relative_sight())

    # --- what they share -------------------------------------------------------------------------

    def _show_scale(self, display: DisplaySettings | None) -> None:
        """Show the scale that the maps share; None where each has its own."""
        shown = [p.explanation for p in self._state.panes if p.explanation is not None]
        shown = [] if display is None else shown
        self._panes.show_scale(bool(shown))
        if display is None or not shown:
            return
        alone = replace(display, end=None)
        widest = max(shown, key=lambda one: abs(value_range(one.map, alone)[1]))
        methods = {title_of(one.method) for one in shown}
        what = f"{methods.pop()} value" if len(methods) == 1 else f"{len(methods)} methods' values"
        locked = self._settings.display().end is not None
        words = "one scale for all panes, locked" if locked else "one scale for all panes"
        self._panes.scale.show_scale(widest, display, (what, words))

    def _show_difference(self, canvas: PaneCanvas, own: DisplaySettings) -> None:
        first, second = self._state.panes
        self._difference.take(first.explanation, second.explanation)
        canvas.set_parts(caption=False, bar=True)
        canvas.set_bar_words(("1 − 2", "more in 2 / in 1"))
        canvas.set_display(replace(own, sign="signed", end=None))
        picture = self._state.picture_of(first)
        if picture is not None and self._pictures.get(canvas) is not picture:
            self._show_picture(canvas, picture)
        found = self._difference.map
        if self._maps.get(canvas) is not found:
            self._maps[canvas] = found
            canvas.show_explanation(found)
        canvas.set_message("" if found is not None else "No difference yet")
        said = Heading(0, self._difference.words, tip=EXPLAINED)
        self._panes.show_heading(DIFFERENCE, said)
