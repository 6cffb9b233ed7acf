"""What the open model and the layer on screen can have, with which options, and at what cost."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from engine.errors import TargetError
from engine.methods.costs import cost_of_all, counted_shape, counted_words, expected_of_all
from engine.methods.modifiers import is_augmented, of_one_layer
from engine.methods.registry import (
    Chosen,
    Family,
    Method,
    choose,
    find,
    is_linear,
    refusal_for,
    refusal_of_option,
    shares_gradient,
)
from engine.methods.rows.shared import FUSE
from engine.records.asked import Question, Score
from engine.records.models import LayerNode
from engine.records.options import Value
from engine.targets.classes import find_class
from engine.targets.deciding import class_of_folder
from engine.targets.questions import find as find_question
from engine.targets.refusals import refusal
from engine.targets.typed import checked
from gui.state.state import State


def depends_on(state: State) -> tuple[object, ...]:
    """What everything here follows from: while it is equal, so are all answers."""
    return (
        *(state.engine, state.info, state.layers, state.model_source, state.layer),
        *(state.method, state.options, state.question, state.target, state.forward_seconds),
        *(state.answer, state.answered, state.explanation, state.current_key),
        tuple(state.kept_options.items()),
    )


def options_of(state: State, slug: str) -> tuple[tuple[str, Value], ...]:
    """The options with which a method is used, or would be."""
    if slug == state.method:
        return state.options
    return choose(slug, dict(state.kept_options.get(slug, ()))).options


def reason_against(state: State, method: Method) -> str:
    """Why a method cannot be had here, in a sentence; '' if it can."""
    info = state.info
    if info is not None and info.no_hooks and not method.hookless:
        return f"Not here: {info.no_hooks}."
    if info is not None and info.no_attention and method.family is Family.ATTENTION:
        return f"Not here: {info.no_attention}."
    nodes = _nodes(state)
    reasons = [refusal_for(method, node) for node in nodes]
    if len(nodes) > 1 and method.layered and (why := refusal_of_option(method, FUSE.name)):
        reasons.append(f"{method.title} cannot fuse layers: {why}")
    reason = next(filter(None, reasons), "")
    if not reason and info is not None:
        reason = refusal(state.question, method, info, state.layers, _explained(state, method))
    return _sentence(reason)


def cost(state: State, chosen: Chosen) -> str:
    """What a map costs here and now, in the few words of a row; '' if that is not known."""
    if shares_gradient(chosen.method) and not is_augmented(chosen) and _has_gradient(state):
        return "no pass"
    return _passes(state, chosen)


def _passes(state: State, chosen: Chosen) -> str:
    shapes = _shapes(state, chosen.method)
    if not shapes:
        return ""
    return cost_of_all(chosen, shapes, state.forward_seconds, ran=state.answer is not None)


def long_cost(state: State, chosen: Chosen) -> str:
    """The passes of a slow method and about how long they take; '' for the others."""
    shapes = _shapes(state, chosen.method)
    if not shapes:
        return ""
    return counted_words(chosen, expected_of_all(chosen, shapes), state.forward_seconds)


# --- questions -----------------------------------------------------------------------------------


def asked_as(state: State, slug: str) -> Question:
    """A question as it would be asked: the one that is, or one by the same score."""
    if slug == state.question.slug:
        return state.question
    return Question(slug, score=state.question.score if find_question(slug).scored else None)


def reason_against_question(state: State, question: Question) -> str:
    """Why model, method or layer cannot answer a question, in a sentence; '' if they can."""
    if state.info is None:
        return ""
    method = find(state.method)
    node = _explained(state, method)
    return _sentence(refusal(question, method, state.info, state.layers, node))


def reason_against_asking(state: State, question: Question) -> str:
    """Why a question that was stored cannot be asked here, in a sentence; '' if it can.

    Of the layer it does not speak: another one may be selected.
    """
    if state.info is None:
        return ""
    try:
        checked(question)
        if question.against is not None:
            find_class(question.against, state.info.classes)
    except TargetError as error:
        return _sentence(str(error))
    return _sentence(refusal(question, find(state.method), state.info, state.layers))


def question_cost(state: State, question: Question) -> str:
    """What its map costs at most by the method in use, in a few words; '' if that is not known."""
    chosen, shown = Chosen(find(state.method), state.options), state.explanation
    known = shown is not None and shown.asked.question in ("class", "counterfactual")
    if question.slug in ("class", "counterfactual") and known and is_linear(of_one_layer(chosen)):
        # Each is the other with its sign turned.
        return "no pass"
    return _passes(state, chosen)


def score_of(state: State) -> Score:
    """The score by which the question is asked."""
    return state.question.score or find(state.method).score


def question_words(state: State) -> str:
    """The question in a word or two: 'Class', 'Against ring', 'layer3, channel 17'."""
    question, info = state.question, state.info
    if question.unit is not None:
        unit = question.unit
        where = f" at {unit.cell[0]}, {unit.cell[1]}" if unit.cell is not None else ""
        return f"{unit.layer}, channel {unit.channel}{where}"
    if question.cell is not None:
        return f"Cell {question.cell[0]}, {question.cell[1]}"
    if question.slug == "contrast" and info is not None:
        other = question.against
        shown = state.explanation
        if other is None and shown is not None and state.answered == question:
            other = shown.asked.against
        if isinstance(other, int):
            return f"Against {info.classes[other]}"
    title = find_question(question.slug).title
    return title if question.score is None else f"{title}, {question.score.value}"


# --- the expected class --------------------------------------------------------------------------


def expected_class(state: State) -> int | None:
    """The class that the current image is said to be of: by hand, or by its folder's name."""
    image, info = state.current, state.info
    if image is None or info is None:
        return None
    by_hand = expected_by_hand(state)
    if by_hand and state.model_source is not None:
        return image.expected[state.model_source]
    if image.path is None or image.scene is not None:
        return None
    return _of_folder(image.path, info.classes)


def expected_by_hand(state: State) -> bool:
    """Whether the expected class was set by hand."""
    return state.current is not None and state.model_source in state.current.expected


def compared_part(state: State, predicted: int, expected: int) -> str:
    """What of a comparison is selected: 'predicted', 'expected' or 'contrast'; '' for neither."""
    question = state.question
    target = predicted if state.target is None else state.target
    if question.slug == "contrast" and (target, question.against) == (predicted, expected):
        return "contrast"
    if question.slug != "class":
        return ""
    return {predicted: "predicted", expected: "expected"}.get(target, "")


@lru_cache(maxsize=64)
def _of_folder(path: Path, classes: tuple[str, ...]) -> int | None:
    try:
        return class_of_folder(path, classes)
    except TargetError:
        return None


def _has_gradient(state: State) -> bool:
    """Whether the engine has kept the gradient of what is on the screen and asked for."""
    shown, answer = state.explanation, state.answer
    if shown is None or answer is None or answer.explanation is not shown:
        return False
    nodes = _nodes(state)
    same = len(nodes) == 1 and shown.layer == nodes[0].name and state.answered == state.question
    return same and answer.gradient


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}." if reason else ""


def _explained(state: State, method: Method) -> LayerNode | None:
    """The layer that a method would explain, of several the last; None for one without layers."""
    nodes = _nodes(state) if method.layered else ()
    return max(nodes, key=lambda node: node.place, default=None)


def _nodes(state: State) -> tuple[LayerNode, ...]:
    default = state.info.default_layer if state.info is not None else ""
    return state.nodes(state.layer or default)


def _shapes(state: State, method: Method) -> tuple[tuple[int, ...], ...]:
    """What decides on the passes of a method, for each layer; none without a model."""
    if state.info is None:
        return ()
    how = state.info.preprocessing
    size = (len(how.mean), *how.crop)
    nodes = _nodes(state) if method.layered else ()
    return tuple(counted_shape(method, size, node) for node in nodes or (None,))
