"""What options that methods share make of a choice: for one layer, for one copy of the image.

Plain values, without torch and without numpy. What the options do to a map is in
engine.explain.answers (copies, fused) and engine.methods.components (smoothed).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.methods.registry import Chosen, find, title_of
from engine.methods.rows.shared import AUGMENT, FUSE

if TYPE_CHECKING:
    from engine.records.explanations import Explanation

COPIES = 6
"""Copies of the image with the option augment: engine.explain.answers.copies makes them."""

_WORDS = {"mean": "mean", "max": "maximum", "product": "product"}


def copies(chosen: Chosen) -> int:
    """Of how many copies of the image, itself among them, a map is the mean."""
    return COPIES if dict(chosen.options).get(AUGMENT.name) else 1


def is_augmented(chosen: Chosen) -> bool:
    """Whether a map is the mean of those of several copies of the image."""
    return copies(chosen) > 1


def of_one_copy(chosen: Chosen) -> Chosen:
    """The choice for each copy of the image by itself."""
    return _without(chosen, AUGMENT.name)


def of_one_layer(chosen: Chosen) -> Chosen:
    """The choice for each layer by itself: how their maps are fused makes no difference there."""
    return _without(chosen, FUSE.name)


def fused_by(chosen: Chosen) -> str:
    """How maps of several layers become one: 'mean', 'max' or 'product'."""
    return str(dict(chosen.options).get(FUSE.name, FUSE.default))


def can_be_negative(chosen: Chosen, *, fused: bool) -> bool:
    """Whether a map can be negative anywhere; fused: one of several layers."""
    return chosen.method.signed and (not fused or fused_by(chosen) == "mean")


def is_signed(explanation: Explanation) -> bool:
    """Whether a map by this method and of these layers can be negative anywhere."""
    how = Chosen(find(explanation.method), explanation.options)
    return can_be_negative(how, fused=bool(explanation.fused))


def place_words(explanation: Explanation) -> str:
    """What is mapped: 'layer4', 'maximum of layer3 + layer4', 'input pixels'."""
    method = find(explanation.method)
    if not explanation.fused:
        return explanation.layer or method.place
    by = fused_by(Chosen(method, explanation.options))
    return f"{_WORDS[by]} of {explanation.layer}"


def value_title(explanation: Explanation) -> str:
    """What the numbers of a map are, in a few words: 'Grad-CAM value', 'Grad-CAM, relative'."""
    if explanation.measured:
        return explanation.measured
    title = title_of(explanation.method)
    return f"{title}, relative" if explanation.fused else f"{title} value"


def _without(chosen: Chosen, name: str) -> Chosen:
    return replace(chosen, options=tuple(pair for pair in chosen.options if pair[0] != name))
