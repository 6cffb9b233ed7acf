"""What the open model and the layer on screen can have, with which options, and at what cost."""

from __future__ import annotations

from engine.methods.costs import cost_words
from engine.methods.registry import (
    Chosen,
    Family,
    Method,
    choose,
    counted_shape,
    expected_words,
    refusal_for,
)
from engine.records.models import LayerNode
from engine.records.options import Value
from gui.state.state import State


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
    node = _node(state)
    return refusal_for(method, node) if node is not None else ""


def cost(state: State, chosen: Chosen) -> str:
    """What a map costs here and now, in the few words of a row; '' if that is not known."""
    shape = _shape(state, chosen.method)
    if shape is None:
        return ""
    return cost_words(chosen, shape, _seconds(state), ran=state.answer is not None)


def long_cost(state: State, chosen: Chosen) -> str:
    """The passes of a slow method and about how long they take; '' for the others."""
    shape = _shape(state, chosen.method)
    return expected_words(chosen, shape, _seconds(state)) if shape is not None else ""


def _node(state: State) -> LayerNode | None:
    default = state.info.default_layer if state.info is not None else ""
    return state.node(state.layer or default)


def _shape(state: State, method: Method) -> tuple[int, ...] | None:
    """What decides on the passes of a method; None without a model."""
    if state.info is None:
        return None
    how = state.info.preprocessing
    return counted_shape(method, (len(how.mean), *how.crop), _node(state))


def _seconds(state: State) -> float:
    """Of one forward pass, 0 if unknown."""
    return state.answer.explanation.seconds.forward if state.answer is not None else 0.0
