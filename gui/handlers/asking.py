"""Asks the questions that the panel of questions and the predictions offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from engine.lazy.numpy import np
from engine.methods.options import Kind, Option
from engine.methods.registry import find
from engine.records.asked import Question, Score, Unit
from engine.records.explanations import layers_in
from engine.targets.refusals import score_layer
from gui.controllers.controller import Controller
from gui.state import offers
from gui.state.state import State
from gui.widgets.choices.rows import Choice
from gui.widgets.predictions.model import percent_text
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
        {"contrast": self._ask_class, "unit": self._ask_unit, "cell": self._ask_cell}[slug]()

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

    # --- channels and cells ----------------------------------------------------------------------

    def _ask_unit(self) -> None:
        state = self._state
        layer = state.explanation.layer if state.explanation is not None else ""
        layer = layer or state.layer or (state.info.default_layer if state.info else "")
        layer = layers_in(layer, {node.name for node in state.layers})[-1]
        node, before = state.node(layer), state.question.unit
        if node is None or not node.channels:
            return
        option = Option(
            "channel",
            f"one of the {node.channels} channels of {layer}, counted from 0",
            Kind.INT,
            0,
            low=0,
            high=node.channels - 1,
        )
        same = before is not None and before.layer == layer

        def take(values: dict[str, int]) -> None:
            self._controller.ask(Question("unit", unit=Unit(layer, values["channel"])))

        shown = before.channel if before is not None and same else 0
        self._show_form(f"Channel of {layer}", (option,), {"channel": shown}, take)

    def _ask_cell(self) -> None:
        state = self._state
        node = score_layer(state.layers)
        if node is None or node.grid is None:
            return
        rows, columns = node.grid
        options = (
            Option("row", "from the top, counted from 0", Kind.INT, 0, low=0, high=rows - 1),
            Option("column", "from the left, counted from 0", Kind.INT, 0, low=0, high=columns - 1),
        )
        cell = state.question.cell or (rows // 2, columns // 2)

        def take(values: dict[str, int]) -> None:
            question = Question(
                "cell", score=state.question.score, cell=(values["row"], values["column"])
            )
            self._controller.ask(replace(question, score=None))

        values = {"row": cell[0], "column": cell[1]}
        self._show_form(f"Cell of {node.name}, {rows} × {columns}", options, values, take)

    def _show_form(
        self, title: str, options: Sequence[Option], values: dict[str, int], take: object
    ) -> None:
        from gui.widgets.choices.option_form import OptionForm

        panel, form = self._window.questions, OptionForm(options, dict(values))

        def confirmed(chosen: dict[str, int]) -> None:
            panel.close()
            assert callable(take)
            take(chosen)

        form.confirmed.connect(confirmed)
        panel.show_form(title, form)

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
