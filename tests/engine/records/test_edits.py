"""Edits as JSON, and back; what is of no edits is said to be so."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from engine.records.asked import Question, Score, Unit
from engine.records.edits import (
    NO_EDITS,
    RANGES,
    Brush,
    Change,
    Changing,
    Crop,
    Edit,
    Edits,
    Ellipse,
    Fill,
    Filling,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Rectangle,
    Shape,
)
from engine.records.views import View


def _shape(rng: np.random.Generator) -> Shape:
    numbers = [float(number) for number in rng.uniform(0.1, 900, 4)]
    points = tuple((float(x), float(y)) for x, y in rng.uniform(-9, 900, (5, 2)))
    questions = (
        Question(),
        Question("contrast", against="ring", score=Score.PROBABILITY),
        Question("unit", unit=Unit("layer3", 17, (4, 5))),
        Question("cell", cell=(0, 3)),
    )
    hottest = Hottest(
        float(rng.uniform(0.1, 100)),
        [None, "layer4#1"][rng.integers(2)],
        [None, 3, "star"][rng.integers(3)],
        questions[rng.integers(4)],
        ["", "layercam"][rng.integers(2)],
        (("seed", 3), ("eigen", True), ("sigma", 0.5), ("fuse", "max"))[: rng.integers(5)],
    )
    shapes: tuple[Shape, ...] = (
        Rectangle(*numbers),
        Ellipse(*numbers),
        Lasso(points),
        Brush(points, numbers[0]),
        hottest,
    )
    return shapes[rng.integers(len(shapes))]


def _edit(rng: np.random.Generator) -> Edit:
    numbers = [float(number) for number in rng.uniform(0.1, 900, 7)]
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    filling = Filling(list(Fill)[rng.integers(6)], (red, green, blue), int(rng.integers(99)))
    on, keep = bool(rng.integers(2)), bool(rng.integers(2))
    what = list(Changing)[rng.integers(len(Changing))]
    low, high = RANGES[what]
    edits: tuple[Edit, ...] = (
        Crop(Rectangle(*numbers[:4]), on),
        Hide(_shape(rng), filling, keep, on),
        Change(what, low + (high - low) * float(rng.random()), int(rng.integers(99)), on),
        Paste("b/c.png", Rectangle(*numbers[:4]), (numbers[4], -3.0), numbers[5], 2, on),
    )
    return edits[rng.integers(len(edits))]


def test_edits_come_back_from_json() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        edits = Edits(tuple(_edit(rng) for _ in range(rng.integers(0, 5))))
        assert Edits.from_facts(json.loads(json.dumps(edits.facts))) == edits
        view = View("a.png", "m.pth", "layer4", edits=edits)
        again = View.from_facts(json.loads(json.dumps(view.facts)))
        assert again == view
        assert hash(again) == hash(view)


def test_a_view_of_before_there_were_edits_has_none() -> None:
    facts = View("a.png", "m").facts
    del facts["edits"]
    assert View.from_facts(facts).edits == NO_EDITS


def test_only_those_switched_on_are_active() -> None:
    on, off = Change(Changing.HUE, 3), Change(Changing.HUE, 4, on=False)
    assert Edits((off, on, off)).active == (on,)


def test_what_is_missing_has_its_usual_value() -> None:
    short = [{"edit": "hide", "rectangle": [1, 2, 3, 4]}]
    assert Edits.from_facts(short) == Edits((Hide(Rectangle(1, 2, 3, 4)),))


_HIDE = {"edit": "hide", "rectangle": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "'edit' is missing"),
        ({"edit": "erase"}, "'erase' is none of"),
        ("hide", "edit 1"),
        ({"edit": "crop"}, "'part' is missing"),
        ({"edit": "crop", "part": [1, 2, 3]}, "edit 1"),
        ({"edit": "crop", "part": [1, 2, 0, 4]}, "not above 0"),
        ({"edit": "crop", "part": [1, 2, 3, True]}, "another type"),
        ({"edit": "crop", "part": [1, float("nan"), 3, 4]}, "no number"),
        ({"edit": "crop", "part": [10**400, 1, 3, 4]}, "edit 1"),
        ({"edit": "hide"}, "names no shape"),
        ({"edit": "hide", "lasso": [[1, 2], [3, 4]]}, "too few"),
        ({"edit": "hide", "brush": [[1, 2]], "radius": -1}, "not above 0"),
        ({"edit": "hide", "hottest": 101}, "more than all"),
        ({"edit": "hide", "hottest": 5, "score": "x"}, "edit 1"),
        ({**_HIDE, "fill": "glitter"}, "glitter"),
        ({**_HIDE, "colour": [0, 0, 256]}, "part of a colour"),
        ({**_HIDE, "seed": -1}, "seed"),
        ({**_HIDE, "on": 1}, "another type"),
        ({"edit": "change", "what": "melt", "amount": 1}, "melt"),
        ({"edit": "paste", "source": "a", "part": [0, 0, 1, 1], "at": [0, 0], "page": 0}, "page"),
    ],
)
def test_what_describes_no_edit_is_refused_with_its_number(facts: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Edits.from_facts([facts])
