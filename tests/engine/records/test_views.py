"""Views and forms as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import ExportError
from engine.records.asked import Question, Score, Unit
from engine.records.figures import FigureForm
from engine.records.views import View

VIEWS = [
    View("a.png", "demo:shapes"),
    View("a.png", "demo:shapes", "layer4", "star", method="layercam", page=3),
    View("a.png", "m.pth", None, 7, Question("contrast", against="ring", score=Score.PROBABILITY)),
    View("a.png", "m.pth", "x#1", 7, Question("unit", unit=Unit("layer3", 17, (4, 5)))),
    View("a.png", "m.pth", "x", 7, Question("unit", unit=Unit("layer3", 17))),
    View("a.png", "m.pth", "x", 0, Question("cell", cell=(0, 3)), "rise", (("masks", 64),)),
]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_comes_back_from_json(view: View) -> None:
    assert View.from_facts(json.loads(json.dumps(view.facts))) == view


def test_equal_views_are_one_key() -> None:
    assert len(set(VIEWS) | {View.from_facts(view.facts) for view in VIEWS}) == len(VIEWS)


def test_what_is_missing_has_its_usual_value() -> None:
    assert View.from_facts({"image": "a.png", "model": "m"}) == View("a.png", "m")


def test_another_score_is_another_view() -> None:
    view = View("a.png", "m").with_score(Score.PROBABILITY)
    assert view.score is Score.PROBABILITY
    assert view != View("a.png", "m")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"image": "a.png"},
        {"image": 3, "model": "m"},
        {"image": "a.png", "model": "m", "class": 1.5},
        {"image": "a.png", "model": "m", "class": True},
        {"image": "a.png", "model": "m", "score": "loudness"},
        {"image": "a.png", "model": "m", "unit": ["layer", "three", None]},
        {"image": "a.png", "model": "m", "unit": "layer"},
        {"image": "a.png", "model": "m", "cell": [1]},
        {"image": "a.png", "model": "m", "options": {"n": [1]}},
        {"image": "a.png", "model": "m", "options": 4},
    ],
)
def test_other_facts_are_of_no_view(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        View.from_facts(facts)


def test_a_form_comes_back_from_json() -> None:
    form = FigureForm(85.0, 600, "dark", False, True, True, True, 3, False)
    assert FigureForm.from_facts(json.loads(json.dumps(form.facts))) == form
    assert FigureForm.from_facts({}) == FigureForm()


@pytest.mark.parametrize(
    "facts",
    [
        {"width": "wide"},
        {"dpi": 10_000},
        {"dpi": 300.5},
        {"paper": "pink"},
        {"crop": 1},
        {"columns": 0},
        {"frame": True},
    ],
)
def test_other_facts_are_of_no_form(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        FigureForm.from_facts(facts)


def test_a_form_that_cannot_be_had_is_refused_in_one_line() -> None:
    for form in (FigureForm(width=1.0), FigureForm(dpi=0), FigureForm(columns=0)):
        with pytest.raises(ExportError) as caught:
            form.check()
        assert "\n" not in str(caught.value)
