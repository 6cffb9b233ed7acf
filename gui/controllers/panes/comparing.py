"""Comparing: more panes beside the first one, and which of them is active.

The pane that is active stays so when another one is added. What is chosen changes the active pane;
with linked selections, the others follow in what they had in common with it.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.records.asked import Question
from engine.records.sources import ModelSource
from gui.controllers.explaining import Explainer
from gui.controllers.images import Images
from gui.controllers.models import Models
from gui.controllers.panes.adding import Adding
from gui.controllers.panes.following import Options, Selection, go_along, take_model
from gui.controllers.panes.sharing import Sharing
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane
from gui.settings.store import Settings
from gui.state.panes import Pane
from gui.state.records import OpenedModel
from gui.state.state import State


class Comparer(QObject):
    """Fills the state's panes; adding them and what they share are parts of their own.

    restored: what the panels show as selected may be another selection than that of the state.
    taker: is offered each model that opens for another pane; whether it takes it.
    """

    restored = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        explainer: Explainer,
        images: Images,
        models: Models,
        lane: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._explainer = explainer
        self._images = images
        self._models = models
        self._lane = lane
        self._worker = worker
        self._before = Selection.of(state.pane)
        self.taker: Callable[[OpenedModel], bool] = lambda _opened: False
        self._sharing = sharing = Sharing(state, settings)
        self._adding = adding = Adding(
            state, explainer, models, sharing, state.pane.number, self._refresh, self
        )
        adding.restored.connect(self.restored)
        self.link, self.swipe, self.differ = sharing.link, sharing.swipe, sharing.differ
        self.lock_scale, self.pin_class = sharing.lock_scale, sharing.pin_class
        self.pin_index = sharing.pin_index
        self.blank = adding.blank
        self.compare_layer, self.compare_class = adding.compare_layer, adding.compare_class
        self.compare_method, self.compare_question = adding.compare_method, adding.compare_question
        self.compare_image, self.compare_model = adding.compare_image, adding.compare_model
        self.compare_bare, self.compare_original = adding.compare_bare, adding.compare_original
        explainer.asked.connect(self._follow)
        models.opened_beside.connect(self._model_opened)
        state.image_updated.connect(self._image_updated)
        state.image_removed.connect(self._image_closed)
        state.current_changed.connect(self._current_changed)
        settings.changed.connect(self._setting_changed)

    # --- choosing, or comparing with what is chosen ----------------------------------------------

    def pick(self, on: bool) -> None:
        """Compare with the next thing that is chosen, whatever it is, or no longer."""
        self._state.set_picking(on)

    def choose_layer(self, layer: str | None) -> None:
        """Explain another layer, or compare with it while picking."""
        if self._picked() and layer is not None:
            self.compare_layer(layer)
        else:
            self._explainer.choose_layer(layer)

    def choose_class(self, index: int | None) -> None:
        """Explain another class, or compare with it while picking."""
        if self._picked() and index is not None:
            self.compare_class(index)
        else:
            self._explainer.choose_class(index)

    def choose_method(self, slug: str, options: Options | None = None) -> None:
        """Explain with another method, or compare with it while picking."""
        if self._picked():
            self.compare_method(slug, options)
        else:
            self._explainer.choose_method(slug, options)

    def ask(self, question: Question, target: int | None = None) -> None:
        """Ask another question, or compare with it while picking."""
        if self._picked():
            self.compare_question(question, target)
        else:
            self._explainer.ask(question, target)

    def choose_image(self, key: str) -> None:
        """Show another image, or compare with it while picking."""
        if self._picked():
            self.compare_image(key)
        else:
            self._images.select(key)

    def step_image(self, by: int) -> None:
        """Show the image `by` places further on, or compare with it while picking."""
        key = self._images.beside(by)
        if key is not None:
            self.choose_image(key)

    def open_model(self, source: ModelSource) -> None:
        """Open a model in place of the current one, or compare with it while picking."""
        if self._picked():
            self.compare_model(source)
        else:
            self._models.open(source)

    def _picked(self) -> bool:
        """Whether a choice is to be compared with; it is the last one of its kind."""
        picking = self._state.picking
        self.pick(False)
        return picking

    # --- the active pane -------------------------------------------------------------------------

    def activate(self, number: int) -> None:
        """Make a pane the active one, which the panels speak of."""
        state = self._state
        pane, before = state.pane_of(number), state.pane
        if pane is None or pane is before:
            return
        self._explainer.leave()
        state.active = state.panes.index(pane)
        self._before = Selection.of(pane)
        state.panes_changed.emit()
        if pane.layers is not before.layers:
            state.model_changed.emit()
        if pane.current_key != before.current_key:
            state.current_changed.emit()
        elif pane.original != before.original and pane.current_key is not None:
            state.image_updated.emit(pane.current_key)
        state.selection_changed.emit()
        state.answer_changed.emit()
        state.sweep_changed.emit()
        state.computing_changed.emit(pane.computing)
        if pane.explanation is None and not (pane.computing or pane.explain_error):
            self._explainer.explain()
        self.restored.emit()

    def step(self, by: int) -> None:
        """Make the next pane (by > 0) or the one before it active, round and round."""
        panes = self._state.panes
        self.activate(panes[(self._state.active + by) % len(panes)].number)

    # --- which panes there are -------------------------------------------------------------------

    def close(self, number: int | None = None) -> None:
        """Close a pane, None for the active one; the last one stays."""
        state = self._state
        pane = state.pane if number is None else state.pane_of(number)
        if pane is None or len(state.panes) == 1:
            return
        if pane is state.pane:
            self.step(-1 if state.active == len(state.panes) - 1 else 1)
        self._drop([pane])

    def single(self) -> None:
        """Go back to one pane, the active one; again brings the others back."""
        if len(self._state.panes) > 1:
            self._state.put_aside = list(self._state.panes)
            self._drop(self._state.others)

    def again(self) -> None:
        """Show the panes again that single has put aside, as they were."""
        state = self._state
        here, panes = state.pane, [p for p in state.put_aside if p.current_key in state.images]
        if here not in panes or len(panes) < 2:
            return
        state.panes, state.active, state.put_aside = panes, panes.index(here), []
        state.panes_changed.emit()
        for pane in state.others:
            self._refresh(pane)

    def arrange(self, panes: list[Pane], arrangement: str) -> None:
        """Show these panes, the active one among them, in this order. arrangement: as in
        engine.keeping.records.ARRANGEMENTS."""
        state, here = self._state, self._state.pane
        state.panes, state.active, state.put_aside = panes, panes.index(here), []
        two = len(panes) == 2
        state.swiped, state.differing = (
            two and arrangement == name for name in ("swiped", "differing")
        )
        self._before = Selection.of(here)
        state.panes_changed.emit()
        for pane in state.others:
            self._refresh(pane)

    def _drop(self, panes: list[Pane]) -> None:
        """Show these panes no more; the active one is not among them."""
        state, here = self._state, self._state.pane
        for pane in panes:
            self._explainer.void(pane)
            pane.computing = False
        state.panes = [pane for pane in state.panes if pane not in panes]
        state.active = state.panes.index(here)
        self._sharing.end_of_two()
        state.panes_changed.emit()
        left, image, source = len(state.panes), here.current_key, here.model_source
        model = source.key if source is not None else None
        self._lane.submit(
            Job(
                "Closing panes",
                lambda watch: self._worker.keep(left, watch, model, image),
                slot="panes",
                stoppable=False,
            )
        )

    def _model_opened(self, opened: OpenedModel) -> None:
        if not self.taker(opened):
            self._adding.add(lambda pane: take_model(pane, opened))

    def _image_closed(self, key: str) -> None:
        state = self._state
        state.put_aside = [pane for pane in state.put_aside if pane.current_key != key]
        follows = state.links.selection and key == state.current_key
        gone = [] if follows else [pane for pane in state.others if pane.current_key == key]
        if gone:
            self._drop(gone)

    def _current_changed(self) -> None:
        if self._state.current_key is None and len(self._state.panes) > 1:
            self._drop(self._state.others)

    # --- the panes that are not active -----------------------------------------------------------

    def _follow(self) -> None:
        """Let the other panes follow what has changed in the active one."""
        state, before = self._state, self._before
        here, now = state.pane, Selection.of(state.pane)
        self._before = now
        for pane in state.others:
            if pane.model_source == now.model and pane.layers is not here.layers:
                # The same model has been opened anew, or its input or output has changed.
                pane.info, pane.layers = here.info, here.layers
                pane.forget()
            if state.links.selection and before != now:
                go_along(pane, here, before, now)
            self._refresh(pane)

    def _refresh(self, pane: Pane) -> None:
        """Ask for what a pane that is not active lacks."""
        image = self._state.images.get(pane.current_key or "")
        if image is None:
            return
        if image.loaded is None:
            self._images.want(image.key)
        elif self._state.loaded_of(pane) is None:
            # Its edits are being done.
            pass
        elif not pane.bare:
            self._explainer.explain_other(pane)
        self._state.pane_changed.emit(pane.number)

    def _image_updated(self, key: str) -> None:
        for pane in self._state.others:
            if pane.current_key == key:
                self._refresh_if_read(pane)

    def _refresh_if_read(self, pane: Pane) -> None:
        if self._state.loaded_of(pane) is not None:
            self._refresh(pane)
        else:
            self._state.pane_changed.emit(pane.number)

    def _setting_changed(self, key: str) -> None:
        if key == "engine/exact":
            for pane in self._state.others:
                self._refresh(pane)
