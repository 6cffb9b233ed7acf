"""What is asked of the current image, and the answers.

A choice changes the selection in the state; explain submits a request with a new generation number
to the engine lane, the answer arrives on the GUI thread, and only an answer of the latest
generation reaches the state. What a sweep has computed is answered without the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject

from engine.errors import HookscopeError
from engine.methods.registry import choose, find
from engine.records.asked import CLASS, Question
from engine.records.images import LoadedImage
from engine.records.options import Value
from engine.targets.questions import find as find_question
from gui.controllers.sweeps import Sweeper
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings import EXACT, Settings
from gui.state import offers
from gui.state.records import Answer, Request
from gui.state.state import State

_log = logging.getLogger(__name__)


class Explainer(QObject):
    """Asks the engine for maps. remember_method, remember_question: called when the user has chosen
    a method, or a question of any image."""

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
        self._stopped = False

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
        if options is None:
            options = state.kept_options.get(slug, ())
        chosen = choose(slug, dict(options))
        asked = chosen.method.slug, chosen.options
        for used in (state.method, slug):
            self._settings.add_recent_method(used)
        if asked != (state.method, state.options) or self._unanswered:
            state.method, state.options = asked
            self._selected()
            self._remember_method()

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
        self._generation += 1
        self._stopped = True
        self._sweeper.stop()
        self._lane.cancel("explain")
        state = self._state
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

    def void(self) -> None:
        """Make pending answers stale, and stop what computes them."""
        self._generation += 1
        self._lane.cancel("explain")
        self._sweeper.cancel()

    @property
    def _unanswered(self) -> bool:
        """Whether what is selected may be asked for again."""
        return self._state.explanation is None or self._stopped

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
        image, source = state.current, state.model_source
        if image is None or image.loaded is None or source is None:
            if source is None and state.model_loading is None:
                state.set_computing(False)
            return
        self._generation += 1
        self._stopped = False
        self._sweeper.allow()
        request = Request(
            self._generation,
            image.key,
            source.key,
            state.layer if find(state.method).layered else None,
            state.target,
            state.method,
            state.options,
            image.revision,
            self._settings.get(EXACT),
            state.question,
            expected,
        )
        if self._answered_by_sweep(request):
            return
        state.set_computing(True)
        loaded: LoadedImage = image.loaded
        job = Job(
            self._title(request),
            lambda watch: self._worker.explain(loaded, request, watch),
            slot="explain",
            priority=Priority.CLICK,
        )
        job.finished.connect(self._answered)
        job.failed.connect(lambda error: self._failed(request, error))
        job.cancelled.connect(lambda: self._cancelled(request))
        self._lane.submit(job)

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
        self._lane.cancel("explain")
        self._state.explanation = explanation
        self._state.answered = request.question
        self._state.explain_error = ""
        self._state.set_computing(False)
        self._state.answer_changed.emit()
        return True

    def _answered(self, answer: Answer) -> None:
        if answer.request.generation != self._generation:
            _log.debug("answer %d came late and is dropped", answer.request.generation)
            return
        state = self._state
        self._sweeper.void_unless(answer.explanation)
        state.note_forward(answer.explanation.seconds.forward)
        state.answer, state.explanation = answer, answer.explanation
        state.answered = answer.request.question
        state.explain_error = ""
        state.set_computing(False)
        if state.info is not None and state.info.device != answer.info.device:
            state.info = answer.info
            state.engine_changed.emit()
            state.warn(answer.info.notices)
        state.answer_changed.emit()

    def _failed(self, request: Request, error: HookscopeError) -> None:
        if request.generation != self._generation:
            return
        self._state.explanation = None
        self._state.explain_error = str(error)
        self._state.set_computing(False)
        self._state.answer_changed.emit()

    def _cancelled(self, request: Request) -> None:
        if request.generation == self._generation:
            self._state.set_computing(False)


def without_comparison(state: State) -> None:
    """End a comparison with the expected class: it belongs to one image."""
    if state.comparing:
        state.comparing = False
        state.question = replace(CLASS, score=state.question.score)
