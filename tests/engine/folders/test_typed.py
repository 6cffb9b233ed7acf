"""Conditions as people type them."""

from __future__ import annotations

import math

import pytest

from engine.errors import HookscopeError
from engine.folders.index.typed import in_words, typed
from engine.folders.index.where import Where

CLASSES = ("cat", "dog", "polar bear", "ring, gold")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("holiday", Where("name", contains="holiday")),
        ("wrong", Where("correct", among=(0,))),
        ("Right", Where("correct", among=(1,))),
        ("unreadable", Where("error", given=True)),
        ("label = cat", Where("label", among=("cat",))),
        ("label = cat, polar bear", Where("label", among=("cat", "polar bear"))),
        ('label = "ring, gold", dog', Where("label", among=("ring, gold", "dog"))),
        ('label = 5" disk', Where("label", among=('5" disk',))),
        ("label = ,", Where("label", among=(",",))),
        ("label: ca", Where("label", contains="ca")),
        ("prediction=DOG", Where("prediction", among=(1,))),
        ("prediction = cat, polar bear", Where("prediction", among=(0, 2))),
        ("prediction = ring, gold", Where("prediction", among=(3,))),
        ("loss = 1..2.5", Where("loss", low=1.0, high=2.5)),
        ("border energy >= 40%", Where("border", low=0.4)),
        ("sharpness <= 12", Where("blur", high=12.0)),
        ("grey = no", Where("grey", among=(0,))),
    ],
)
def test_conditions(text: str, where: Where) -> None:
    assert typed(text, CLASSES) == where


def test_less_is_not_equal() -> None:
    below, above = typed("confidence < 0.5"), typed("confidence > 0.5")
    assert below.high is not None
    assert above.low is not None
    assert below.high < 0.5 < above.low
    assert math.isclose(below.high, above.low)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = red", "no column is called 'colour'"),
        ("confidence < much", "'much' is no number"),
        ("confidence < nan", "'nan' is no number"),
        ("prediction = mouse", "no class 'mouse'"),
        ("prediction < cat", "only be compared with '='"),
        ("label < cat", "use '=' or ':'"),
        ("loss =", "a value is missing"),
        ("correct = perhaps", "yes or no"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(HookscopeError, match=said):
        typed(text, CLASSES)


@pytest.mark.parametrize(
    "where",
    [
        Where("prediction", among=(2,)),
        Where("class_label", among=(1,)),
        Where("probability", low=0.25, high=0.75),
        Where("loss", low=2.0),
        Where("name", contains="sea"),
        Where("tags", contains="again"),
        Where("label", among=("cat", "ring, gold", 'the "old" one')),
        Where("correct", among=(0,)),
    ],
)
def test_what_is_said_can_be_typed_again(where: Where) -> None:
    assert typed(in_words(where, CLASSES), CLASSES) == where
