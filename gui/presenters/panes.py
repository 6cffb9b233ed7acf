"""Presents the panes: their canvases, the lines above them, and the scale that they share.

The canvas of the active pane is filled by the main presenter; here it only gets what depends on the
others.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from engine.comparing.difference import difference, explanation_of
from engine.errors import HookscopeError
from engine.methods.registry import title_of
from engine.records.display import DisplaySettings
from engine.records.edits import Crop, Edits
from engine.records.explanations import Explanation
from engine.render.overlay import nothing_words, number_text, value_range
from gui.controllers.controller import Controller
from gui.presenters.edits import frame_in
from gui.settings.store import Settings
from gui.state.panes import Pane
from gui.state.scale import shared_end
from gui.state.state import State
from gui.toolkit.imaging import Picture
from gui.widgets.canvas.panes.fitting import WIDE, Part
from gui.widgets.canvas.panes.pane_canvas import PaneCanvas
from gui.widgets.canvas.panes.pane_header import Heading
from gui.widgets.canvas.panes.panes import DIFFERENCE, Linked
from gui.widgets.canvas.words import caption_for, notice_for
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
        self._compared: tuple[Explanation, Explanation] | None = None
        self._difference: Explanation | None = None
        self._difference_words = ""
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
            panes.show_heading(pane.number, self._heading(place, pane, display))
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

    # --- what is said of them --------------------------------------------------------------------

    def _heading(self, place: int, pane: Pane, display: DisplaySettings) -> Heading:
        """What a pane shows: first what tells it from the others."""
        panes, shown = self._state.panes, pane.explanation
        image = self._state.images.get(pane.current_key or "")
        title = image.title if image is not None else ""
        images = len({one.current_key for one in panes}) > 1
        if pane.bare:
            return Heading(place, f"{title}  ·  original" if images and title else "original")
        maps = [one for one in panes if not one.bare]
        parts: list[tuple[bool, Part]] = []
        if images:
            parts.append((True, Part(title)))
        if len({self._state.edits_of(one) for one in maps}) > 1:
            parts.append((True, Part(_edits_words(self._state.edits_of(pane)))))
        if len({one.model_source for one in maps}) > 1 and pane.model_source is not None:
            parts.append((True, Part(pane.model_source.title)))
        if len({(one.method, one.options) for one in maps}) > 1:
            parts.append((True, Part(title_of(pane.method), ends=False)))
        parts += _words(pane, maps, display)
        parts.sort(key=lambda part: not part[0])
        value = ""
        if shown is not None:
            end = value_range(shown.map, replace(display, end=None))[1]
            known = f"max {number_text(end)}" if end >= 0.0 else f"min {number_text(end)}"
            value = nothing_words(shown.map, display) or known
            parts.append((False, Part(notice_for(shown, display))))
        parts = [(differs, part) for differs, part in parts if part.text]
        apart = tuple(part for differs, part in parts if differs) or tuple(
            part for _, part in parts
        )
        return Heading(place, WIDE.join(part.text for _, part in parts), value, apart=apart)

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
        self._compute_difference(first.explanation, second.explanation)
        canvas.set_parts(caption=False, bar=True)
        canvas.set_bar_words(("1 − 2", "more in 2 / in 1"))
        canvas.set_display(replace(own, sign="signed", end=None))
        picture = self._state.picture_of(first)
        if picture is not None and self._pictures.get(canvas) is not picture:
            self._show_picture(canvas, picture)
        if self._maps.get(canvas) is not self._difference:
            self._maps[canvas] = self._difference
            canvas.show_explanation(self._difference)
        canvas.set_message("" if self._difference is not None else "No difference yet")
        heading = Heading(0, self._difference_words, tip=_EXPLAINED)
        self._panes.show_heading(DIFFERENCE, heading)

    def _compute_difference(self, first: Explanation | None, second: Explanation | None) -> None:
        if first is None or second is None:
            self._compared = self._difference = None
            self._difference_words = "1 − 2"
            return
        if self._compared == (first, second):
            return
        self._compared = first, second
        try:
            found = difference(first, second)
        except HookscopeError as error:
            self._difference = None
            self._difference_words = str(error)
            return
        made = explanation_of(found, first, second)
        self._difference = replace(made, signs=("more in 1", "more in 2"))
        alike = "–" if found.correlation is None else _signed(found.correlation)
        over = "–" if found.overlap is None else f"{found.overlap:.2f}"
        self._difference_words = f"1 − 2  ·  correlation {alike}  ·  IoU {over}"


def _edits_words(edits: Edits) -> str:
    """What tells a pane with edits from one without."""
    if not edits.steps:
        return "original"
    return "crop" if any(isinstance(step, Crop) for step in edits.steps) else "with edits"


def _signed(number: float) -> str:
    return f"{number:.2f}".replace("-", "\N{MINUS SIGN}")


_EXPLAINED = (
    "The first map minus the second, on a scale of its own. Correlation: Pearson's, of the cells. "
    "IoU: of the 20 % of the cells with the highest values in each map, how many they share."
)


def _words(pane: Pane, maps: list[Pane], display: DisplaySettings) -> list[tuple[bool, Part]]:
    """(whether the panes differ in it, what is said) of layer and class, or what is in the way."""
    shown = pane.explanation
    if shown is None:
        text = "computing…" if pane.computing else "no map"
        return [(False, Part(text))]
    caption = caption_for(shown, display, visible=True)
    there = [one.explanation for one in maps if one.explanation is not None]
    layers = len({one.layer for one in there}) > 1
    subjects = len({one.subject or one.target.label for one in there}) > 1
    subject = Part(f"{caption.label}  {caption.percent}", caption.label, ends=False)
    return [(subjects, subject), (layers, Part(caption.layer))]
