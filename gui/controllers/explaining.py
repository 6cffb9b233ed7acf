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
from engine.methods.registry import Chosen, choose, find
from engine.records.asked import CLASS, Question
from engine.records.images import LoadedImage
from engine.records.options import Value
from engine.targets.questions import find as find_question
from gui.controllers.remembered import Remembered
from gui.controllers.sweeps import Sweeper
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings import EXACT, Settings
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
        self._remember_method = remember_method
        self._remember_question = remember_question
        self._generation = 0
        self._remembered = Remembered()
        state.image_removed.connect(self._remembered.forget)
        state.sweep_changed.connect(self._keep_sweep)

    # --- choosing --------------------------------------------------------------------------------

    def choose_layer(self, layer: str | None) -> None:
        """Explain another layer, 'NAME' or 'NAME#k'; None for the default layer."""
        if self._state.layer != layer or self._unanswered:
            self._state.layer = layer
            self._selected()

    def choose_class(self, index: int | None) -> None:
        """Explain another class; None for the class with the highest logit.

        The other class of a contrast changes places with the one that was explained. A question
        about no class gives way to that of the class.
        """
        state, question = self._state, self._state.question
        if state.target == index and not self._unanswered:
            return
        if question.against is not None and question.against == index:
            self._choose_question(replace(question, against=self._explained))
        elif not find_question(question.slug).of_class:
            self._choose_question(Question(score=question.score))
        state.choose_target(index)
        self._selected()

    def choose_method(
        self, slug: str, options: tuple[tuple[str, Value], ...] | None = None
    ) -> None:
        """Explain with another method. options that are not given take their defaults; None for
        those with which it was last used in this session."""
        state = self._state
        state.kept_options[state.method] = state.options
        chosen = self.chosen(slug, options)
        asked = chosen.method.slug, chosen.options
        for used in (state.method, slug):
            self._settings.add_recent_method(used)
        if asked != (state.method, state.options) or self._unanswered:
            state.method, state.options = asked
            self._selected()
            self._remember_method()

    def chosen(self, slug: str, options: tuple[tuple[str, Value], ...] | None) -> Chosen:
        """A method with its options, as choose_method takes them."""
        if options is None:
            options = self._state.kept_options.get(slug, ())
        return choose(slug, dict(options))

    def ask(self, question: Question, target: int | None = None) -> None:
        """Ask another question. target: of which class; None for the one that is explained."""
        state = self._state
        for used in (state.question.slug, question.slug):
            self._settings.add_recent_question(used)
        chosen = state.target if target is None else target
        if (question, chosen) != (state.question, state.target) or self._unanswered:
            self._choose_question(question)
            if target is not None:
                state.choose_target(target)
            self._selected()

    def compare(self, expected: int) -> None:
        """Ask what tells the predicted class from the expected one, with the maps of both."""
        state = self._state
        state.comparing = True
        state.question = Question("contrast", against=expected, score=state.question.score)
        state.choose_target(None)
        self._selected(expected)

    def expect(self, index: int | None) -> None:
        """Say which class the current image is of; None to forget what was said."""
        state = self._state
        if state.current is None or state.model_source is None:
            return
        if index is None:
            state.current.expected.pop(state.model_source, None)
        else:
            state.current.expected[state.model_source] = index
        before = state.question
        without_comparison(state)
        state.expected_changed.emit()
        if state.question != before:
            self._selected()

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
        explanation = state.explanation
        if explanation is not None:
            state.choose_target(explanation.target.index)
            if state.question != state.answered:
                self._choose_question(state.answered)
            if state.layer is not None and explanation.layer:
                state.layer = explanation.layer
            shown = explanation.method, explanation.options
            if shown != (state.method, state.options):
                state.method, state.options = shown
                self._remember_method()

    def _choose_question(self, question: Question) -> None:
        """Ask it, and keep it for the image; for the model, unless it is about this image alone."""
        state = self._state
        state.choose_question(question)
        if not (state.comparing and question.against is not None):
            self._remember_question()

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

    @property
    def _unanswered(self) -> bool:
        """Whether what is selected may be asked for again."""
        return self._state.explanation is None or self._state.pane.stopped

    @property
    def _explained(self) -> int | None:
        """The class that is explained."""
        state = self._state
        if state.target is not None or state.explanation is None:
            return state.target
        return state.explanation.target.index

    def _selected(self, expected: int | None = None) -> None:
        self._state.selection_changed.emit()
        self.explain(expected)

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


def without_comparison(state: State) -> None:
    """End a comparison with the expected class: it belongs to one image."""
    if state.comparing:
        state.comparing = False
        state.question = replace(CLASS, score=state.question.score)
