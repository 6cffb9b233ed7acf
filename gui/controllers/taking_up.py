"""Takes up a question that was asked before: of an image, or of a model that is opened again."""

from __future__ import annotations

from engine.records.asked import Question
from engine.targets.questions import title_of
from engine.targets.refusals import refused_layers, score_layer
from gui.state import offers
from gui.state.state import State


def take_up(state: State, question: Question) -> tuple[str, ...]:
    """Ask it again. One that model or method cannot answer is left; returns why, as notices.

    Where it is about the output of a layer before the one that is selected, that layer is selected.
    """
    if question == state.question:
        return ()
    reason = offers.reason_against_asking(state, question)
    if reason:
        title = title_of(question.slug)
        return (f"the question asked last, {title}, is not asked again: {reason}",)
    state.question = question
    default = state.info.default_layer if state.info is not None else ""
    selected = (state.layer or default).partition("#")[0]
    if selected in refused_layers(question, state.layers):
        scores = score_layer(state.layers)
        of_cell = scores.name if scores is not None else None
        state.layer = question.unit.layer if question.unit is not None else of_cell
    return ()
