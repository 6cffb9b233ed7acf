"""What is selected when another model or image comes: what was selected before, where it fits."""

from __future__ import annotations

from engine.records.asked import CLASS, Question
from engine.records.explanations import layers_in
from engine.targets.questions import title_of
from engine.targets.refusals import refused_layers, score_layer
from gui.settings.store import Settings
from gui.settings.table import KEEP_SELECTION
from gui.state import offers
from gui.state.records import OpenedModel
from gui.state.state import State


def take_model(state: State, opened: OpenedModel) -> None:
    """Put a model in place of the open one, with its own layer and method, and with the class that
    was chosen for the image; results become void."""
    state.model_loading = None
    state.model_error = ""
    state.model_source, state.info, state.layers = opened.source, opened.info, opened.layers
    state.layer, state.target = None, state.chosen_target
    state.method, state.options = opened.info.method, opened.info.method_options
    state.model_settled = opened.settled
    state.question, state.comparing = CLASS, False
    state.forward_seconds = 0.0
    state.answer = state.explanation = state.sweep = None


def forget_chosen(state: State) -> None:
    """Forget the classes that were chosen for the images: what they name may have changed."""
    for image in state.images.values():
        image.targets.clear()
        image.questions.clear()
        image.left.clear()
        image.expected.clear()


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


def take_back(state: State, settings: Settings) -> tuple[str, ...]:
    """Select for the current image what was selected when it was left, so that the same map is
    shown; returns notices. An image that was not looked at gets what is selected now.

    Several panes keep what they compare, and so do images with the setting that says so.
    """
    image, source = state.current, state.model_source
    if image is None or source is None:
        return ()
    state.target = state.chosen_target
    left = image.left.get(source)
    if left is None or len(state.panes) > 1 or settings.get(KEEP_SELECTION):
        return take_up(state, state.chosen_question) if state.chosen_question is not None else ()
    names = {node.name for node in state.layers if node.explainable}
    parts = layers_in(left.layer, names) if left.layer is not None else ()
    if all(part.partition("#")[0] in names for part in parts):
        state.layer = left.layer
    state.method, state.options = left.method, left.options
    notices = take_up(state, left.question)
    state.comparing = left.comparing and not notices
    return notices
