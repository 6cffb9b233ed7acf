"""Asks the questions that the panel of questions and the predictions offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from engine.lazy.numpy import np
from engine.methods.registry import find
from engine.records.asked import Question, Score
from engine.records.models import percent_text
from gui.controllers.controller import Controller
from gui.handlers.choices.asking_parts import PartsAsking
from gui.state import offers
from gui.state.state import State
from gui.widgets.choices.rows import Choice
from gui.window.main_window import MainWindow

_MOST = 200
"""Classes that a search lists."""


class Asking(QObject):
    """Connects the panel of questions, the predictions' context menu and the expected class."""

    def __init__(self, window: MainWindow, state: State, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self.parts = PartsAsking(window, state, controller)
        panel = window.questions
        panel.chosen.connect(lambda slug: controller.ask(offers.asked_as(state, slug)))
        panel.more.connect(self._ask_more)
        window.scores.chosen.connect(self._choose_score)
        predictions = window.predictions
        predictions.contrast_wanted.connect(self._contrast_with_explained)
        predictions.counter_wanted.connect(
            lambda index: controller.ask(offers.asked_as(state, "counterfactual"), index)
        )
        predictions.expectation_set.connect(controller.expect)
        predictions.expected.wanted.connect(self._compare)
        predictions.expected.part_wanted.connect(self._show_part)

    def _choose_score(self, value: str) -> None:
        score, own = Score(value), find(self._state.method).score
        self._controller.ask(replace(self._state.question, score=None if score is own else score))

    def _ask_more(self, slug: str) -> None:
        asks = {
            "contrast": self._ask_class,
            "unit": self.parts.ask_channel,
            "cell": self.parts.ask_cell,
        }
        asks[slug]()

    # --- the other class of a contrast -----------------------------------------------------------

    def _ask_class(self) -> None:
        explained = self._state.explained_class
        name = explained.label if explained is not None else "the class"

        def take(id: str) -> None:
            self._controller.ask(
                Question("contrast", against=int(id), score=self._state.question.score)
            )

        self._window.questions.show_list(
            f"{name} against…", "Find class, or press 1 to 9", self._classes, take
        )

    def _classes(self, text: str) -> Sequence[Choice]:
        """The predictions, or the classes with every word of the text: whole words first, then
        the likeliest."""
        state = self._state
        if state.answer is None or state.info is None:
            return []
        explained = state.explained_class
        own = explained.index if explained is not None else None
        ranks = {p.index: rank for rank, p in enumerate(state.answer.predictions, 1)}
        found = list(ranks)
        if words := text.casefold().split():
            chances = np.nan_to_num(state.answer.probabilities)
            matches = []
            for index, label in enumerate(state.info.classes):
                lower = label.casefold()
                if all(word in lower for word in words):
                    parts = set(lower.replace("-", " ").split())
                    matches.append((not parts.issuperset(words), -chances[index], index))
            found = [index for _, _, index in sorted(matches)]
        return [self._class_row(index, ranks.get(index)) for index in found[:_MOST] if index != own]

    def _class_row(self, index: int, rank: int | None) -> Choice:
        state = self._state
        assert state.answer is not None
        assert state.info is not None
        known = next((p for p in state.answer.predictions if p.index == index), None)
        chance = float(state.answer.probabilities[index])
        said = known.said if known is not None else ""
        if not np.isnan(chance):
            said = percent_text(chance)
        return Choice(
            str(index),
            state.info.classes[index],
            cost=said,
            key=str(rank) if rank is not None else "",
            chosen=state.question.slug == "contrast" and state.question.against == index,
        )

    # --- from the predictions --------------------------------------------------------------------

    def _contrast_with_explained(self, index: int) -> None:
        explained = self._state.explained_class
        if explained is not None and explained.index != index:
            score = self._state.question.score
            self._controller.ask(Question("contrast", explained.index, score), index)

    def _compare(self) -> None:
        expected = offers.expected_class(self._state)
        if expected is not None:
            self._controller.compare(expected)

    def _show_part(self, part: str) -> None:
        state, expected = self._state, offers.expected_class(self._state)
        if state.answer is None or expected is None:
            return
        predicted, score = state.answer.predictions[0].index, state.question.score
        if part == "contrast":
            self._controller.ask(Question("contrast", expected, score), predicted)
        else:
            chosen = predicted if part == "predicted" else expected
            self._controller.ask(Question(score=score), chosen)
