"""What is chosen for the active pane: its layer, class, method and question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.methods.registry import Chosen, choose
from engine.records.asked import CLASS, Question
from engine.records.options import Value
from engine.targets.questions import find as find_question
from gui.settings.store import Settings
from gui.state.state import State


class Choices:
    """Changes the state's selection. explain: asks for what is selected; its argument is the class
    that the predicted one is compared with, None for no comparison. remember_method,
    remember_question: as in Explainer.
    """

    def __init__(
        self,
        state: State,
        settings: Settings,
        explain: Callable[[int | None], None],
        remember_method: Callable[[], None],
        remember_question: Callable[[], None],
    ) -> None:
        self._state = state
        self._settings = settings
        self._explain = explain
        self._remember_method = remember_method
        self._remember_question = remember_question

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

    def take_shown(self) -> None:
        """The map on the screen becomes the selection again."""
        state, explanation = self._state, self._state.explanation
        if explanation is None:
            return
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
        self._explain(expected)


def without_comparison(state: State) -> None:
    """End a comparison with the expected class: it belongs to one image."""
    if state.comparing:
        state.comparing = False
        state.question = replace(CLASS, score=state.question.score)
