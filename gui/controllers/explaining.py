"""What is asked in each pane, and the answers.

A choice changes the selection of the active pane; explain submits a request with a new generation
number to the engine lane, the answer arrives on the GUI thread, and only an answer of its pane's
latest generation reaches the state. What a sweep has computed is answered without the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.methods.registry import choose, find
from engine.records.images import LoadedImage
from gui.controllers.asking.choosing import Choices
from gui.controllers.asking.remembered import Remembered
from gui.controllers.sweeps import Sweeper
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state import offers
from gui.state.panes import Pane
from gui.state.records import Answer, Request
from gui.state.state import State

_log = logging.getLogger(__name__)


class Explainer(QObject):
    """Asks the engine for maps. remember_method, remember_question: called when the user has chosen
    a method, or a question of any image.

    asked: the active pane's map has been asked for, so that others may follow.
    """

    asked = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        lane: Lane,
        worker: EngineWorker,
        sweeper: Sweeper,
        remember_method: Callable[[], None],
        remember_question: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._worker = worker
        self._sweeper = sweeper
        self._choices = choices = Choices(
            state, settings, self.explain, remember_method, remember_question
        )
        self.choose_layer, self.choose_class = choices.choose_layer, choices.choose_class
        self.choose_method, self.chosen = choices.choose_method, choices.chosen
        self.ask, self.compare, self.expect = choices.ask, choices.compare, choices.expect
        self._generation = 0
        self._remembered = Remembered()
        state.image_removed.connect(self._remembered.forget)
        state.sweep_changed.connect(self._keep_sweep)

    def stop(self) -> None:
        """Stop the computation; the map on the screen becomes the selection again."""
        self._sweeper.stop()
        self._lane.cancel("explain")
        state = self._state
        for pane in state.others:
            if pane.computing:
                self._outdate(pane)
                pane.stopped = True
                self._set_computing(pane, False)
                state.pane_changed.emit(pane.number)
        pane = state.pane
        self._outdate(pane)
        pane.stopped = True
        state.set_computing(False)
        self._choices.take_shown()

    def void(self, pane: Pane | None = None) -> None:
        """Make a pane's pending answers stale, and stop what computes them; None for the active
        one, with its sweep."""
        if pane is None:
            pane = self._state.pane
            self._sweeper.cancel()
        self._outdate(pane)
        self._lane.cancel(_slot(pane))

    def leave(self) -> None:
        """Another pane becomes the active one: its sweep may begin, and the other's makes way."""
        self._sweeper.cancel()
        self._sweeper.allow()

    def _outdate(self, pane: Pane) -> None:
        self._generation += 1
        pane.generation = self._generation

    # --- asking the engine -----------------------------------------------------------------------

    def explain(self, expected: int | None = None) -> None:
        """Explain what is selected. expected: with the maps that a contrast with it is made of."""
        state = self._state
        request = self._request(state.pane, expected)
        if request is None:
            if state.model_source is None and state.model_loading is None:
                state.set_computing(False)
            return
        self._sweeper.allow()
        if not (self._answered_before(request) or self._answered_by_sweep(request)):
            self._ask(state.pane, request, Priority.CLICK)
        self.asked.emit()

    def explain_other(self, pane: Pane) -> None:
        """Explain what is selected in a pane that is not active, unless that is asked already."""
        request = self._request(pane)
        if request is None or (pane.asked is not None and pane.asked.wanted == request.wanted):
            return
        # After what is asked in the active one.
        self._ask(pane, request, Priority.WORK)
        self._state.pane_changed.emit(pane.number)

    def _request(self, pane: Pane, expected: int | None = None) -> Request | None:
        """What a pane asks for now; None without an image or a model."""
        image, source = self._state.images.get(pane.current_key or ""), pane.model_source
        if image is None or source is None or self._state.loaded_of(pane) is None:
            return None
        return Request(
            pane.generation,
            image.key,
            source.key,
            pane.layer if find(pane.method).layered else None,
            pane.target,
            pane.method,
            pane.options,
            image.revision,
            self._settings.get(EXACT),
            pane.question,
            expected,
            pane.number,
            len(self._state.panes),
            self._state.edits_of(pane),
        )

    def _ask(self, pane: Pane, request: Request, priority: Priority) -> None:
        image = self._state.images[request.image]
        found = image.loaded_with(request.edits)
        assert found is not None
        loaded: LoadedImage = found
        original = image.loaded if request.edits.steps else None
        self._outdate(pane)
        request = pane.asked = replace(request, generation=pane.generation)
        pane.stopped = False
        self._set_computing(pane, True)
        job = Job(
            self._title(request),
            lambda watch: self._worker.explain(loaded, request, watch, original),
            slot=_slot(pane),
            priority=priority,
        )
        job.finished.connect(self._answered)
        job.failed.connect(lambda error: self._failed(request, error))
        job.cancelled.connect(lambda: self._cancelled(request))
        self._lane.submit(job)

    def forget(self) -> None:
        """Forget all answers: the model is another one, or computes otherwise."""
        self._remembered.clear()

    def _keep_sweep(self) -> None:
        if self._state.sweep is not None:
            self._remembered.keep_sweep(self._state.sweep)

    def _answered_before(self, request: Request) -> bool:
        """Show the map that was computed when the image was looked at before; whether there is one.

        What a sweep had computed then is there again as well.
        """
        state = self._state
        if state.answer is not None or request.expected is not None:
            return False
        answer = self._remembered.answer(request)
        last, sweep = self._remembered.left(request)
        if sweep is not None:
            state.answer, state.sweep = answer or last, sweep
            if answer is None and not self._answered_by_sweep(request):
                state.answer = state.sweep = None
                return False
        if answer is not None:
            self._answered(replace(answer, request=self._settle(request)))
        if state.answer is None:
            return False
        state.sweep_changed.emit()
        return True

    def _settle(self, request: Request) -> Request:
        """The active pane has its answer: nothing that was asked before is waited for."""
        pane = self._state.pane
        self._outdate(pane)
        self._lane.cancel(_slot(pane))
        pane.asked, pane.stopped = replace(request, generation=pane.generation), False
        return pane.asked

    def _set_computing(self, pane: Pane, on: bool) -> None:
        if pane is self._state.pane:
            self._state.set_computing(on)
        else:
            pane.computing = on

    def _title(self, request: Request) -> str:
        """What the job does, and how long it will take where that is more than a few passes."""
        chosen = choose(request.method, dict(request.options))
        words = offers.long_cost(self._state, chosen)
        place = request.layer or chosen.method.place or "the default layer"
        return f"{chosen.method.title}: {words}" if words else f"Explaining {place}"

    def _answered_by_sweep(self, request: Request) -> bool:
        """Show the map from the sweep, if it has been computed; whether it has."""
        explanation = self._sweeper.answer(request)
        if explanation is None:
            return False
        self._settle(request)
        self._state.explanation = explanation
        self._state.answered = request.question
        self._state.explain_error = ""
        self._state.set_computing(False)
        self._state.answer_changed.emit()
        return True

    def _asker(self, request: Request) -> Pane | None:
        """The pane that waits for the answer to this request; None if none does any more."""
        pane = self._state.pane_of(request.pane)
        return pane if pane is not None and request.generation == pane.generation else None

    def _answered(self, answer: Answer) -> None:
        pane, state = self._asker(answer.request), self._state
        if pane is None:
            _log.debug("answer %d came late and is dropped", answer.request.generation)
            return
        if pane is state.pane:
            self._sweeper.void_unless(answer.explanation)
        pane.note_forward(answer.explanation.seconds.forward)
        pane.answer, pane.explanation = answer, answer.explanation
        self._remembered.keep(answer)
        pane.answered = answer.request.question
        self._came(pane)
        if pane.info is not None and pane.info.device != answer.info.device:
            pane.info = answer.info
            state.engine_changed.emit()
            state.warn(answer.info.notices)
        self._tell(pane)

    def _failed(self, request: Request, error: HookscopeError) -> None:
        pane = self._asker(request)
        if pane is not None:
            pane.explanation = None
            self._came(pane, str(error))
            self._tell(pane)

    def _came(self, pane: Pane, error: str = "") -> None:
        pane.explain_error = error
        self._set_computing(pane, False)

    def _tell(self, pane: Pane) -> None:
        if pane is self._state.pane:
            self._state.answer_changed.emit()
        else:
            self._state.pane_changed.emit(pane.number)

    def _cancelled(self, request: Request) -> None:
        pane = self._asker(request)
        if pane is not None:
            self._set_computing(pane, False)
            if pane is not self._state.pane:
                self._state.pane_changed.emit(pane.number)


def _slot(pane: Pane) -> str:
    return f"explain {pane.number}"
