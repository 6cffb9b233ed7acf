"""Presents the questions: the toolbar's button, its panel, and the expected class."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from engine.records.asked import Score
from engine.targets.questions import QUESTIONS, QuestionRow, find
from engine.targets.refusals import refused_layers
from gui.settings import table
from gui.settings.store import Settings
from gui.state import offers
from gui.state.state import State
from gui.toolkit import plain_text
from gui.toolkit.controls.segments import Segments
from gui.widgets.choices.rows import Choice
from gui.window.main_window import MainWindow

_RECENT = "Recent"
_LINKS = {"contrast": "Other class…", "unit": "Channel…", "cell": "Cell…"}


class QuestionPresenter(QObject):
    """Shows what is asked, and which questions model, method and layer can answer at what cost."""

    def __init__(self, window: MainWindow, state: State, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._settings = settings
        self._shown: object = None
        window.questions.opening.connect(self._fill)
        for changed in (
            state.engine_changed,
            state.model_changed,
            state.answer_changed,
            state.selection_changed,
            state.current_changed,
            state.expected_changed,
        ):
            changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        state, window = self._state, self._window
        by_hand = offers.expected_by_hand(state)
        shown = (*offers.depends_on(state), offers.expected_class(state), by_hand, state.comparing)
        if shown == self._shown:
            return
        self._shown = shown
        button = window.question_button
        button.setVisible(state.info is not None)
        button.show_text(f"? {offers.question_words(state)}")
        whole = "Question"
        explanation = state.explanation
        if explanation is not None and state.answered == state.question:
            whole = f"Question: {explanation.sentence}"
        button.setToolTip(plain_text.tip(whole))
        button.setAccessibleName(plain_text.line(f"Question: {offers.question_words(state)}"))
        window.actions_by_id.enable(("choose_question",), state.info is not None)
        window.tree.set_refused(refused_layers(state.question, state.layers))
        self._show_expected()
        if window.questions.isVisible():
            self._fill()

    def _show_expected(self) -> None:
        """The expected class beside the predicted one, and what of the two is on the screen."""
        state, panel = self._state, self._window.predictions
        expected, answer = offers.expected_class(state), state.answer
        reasons = [
            offers.reason_against_question(state, offers.asked_as(state, slug))
            for slug in ("contrast", "counterfactual")
        ]
        panel.set_refusals(*reasons)
        if expected is None or state.info is None or answer is None or state.current is None:
            panel.expected.clear()
            panel.set_expected(None)
            return
        panel.set_expected(expected)
        predicted = answer.predictions[0].index
        part = ""
        if state.comparing:
            part = offers.compared_part(state, predicted, expected)
        panel.expected.show_expected(
            state.info.classes[expected],
            hit=predicted == expected,
            comparing=state.comparing,
            part=part,
            by_hand=offers.expected_by_hand(state),
            reason=reasons[0],
        )

    def _fill(self) -> None:
        """Fill the panel: those last asked on top, then the others; and the scores below."""
        known = {row.slug: row for row in QUESTIONS}
        slugs = [slug for slug in self._settings.get(table.RECENT_QUESTIONS) if slug in known]
        rows = [self._row(known[slug], _RECENT) for slug in slugs]
        # So few rows that none has to be there twice.
        rows += [self._row(row, _section(row)) for row in QUESTIONS if row.slug not in slugs]
        self._window.questions.show_rows(rows)
        self._fill_scores(self._window.scores)

    def _row(self, row: QuestionRow, section: str) -> Choice:
        state = self._state
        chosen = row.slug == state.question.slug
        named = ""
        if chosen and row.slug in _LINKS:
            named = offers.question_words(state)
        question = offers.asked_as(state, row.slug)
        return Choice(
            row.slug,
            row.title,
            row.summary,
            cost=offers.question_cost(state, question),
            reason=offers.reason_against_question(state, question),
            section=section,
            chosen=chosen,
            more=_LINKS.get(row.slug, ""),
            leads=row.slug in _LINKS,
            note=named,
            words=f"{row.slug} {row.formula}",
            tip=f"{row.summary}\n{row.limits}\nScore: {row.formula}",
        )

    def _fill_scores(self, scores: Segments) -> None:
        state = self._state
        row = find(state.question.slug)
        used = offers.score_of(state)
        for score in Score:
            question = replace(state.question, score=None if score is used else score)
            reason = offers.reason_against_question(state, question)
            if not row.scored:
                reason = f"{row.title} has a number of its own."
            scores.enable(score.value, reason)
        scores.show_choice(used.value if row.scored else "")


def _section(row: QuestionRow) -> str:
    if row.unit or row.cell:
        return "Parts of the network"
    return "The class" if row.of_class else "The decision"
