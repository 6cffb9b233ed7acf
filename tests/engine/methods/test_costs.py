"""The cost of a map in a few words, counted by hand."""

from __future__ import annotations

import pytest

from engine.methods.costs import cost_of_all
from engine.methods.registry import METHODS, choose

_IMAGE = (3, 224, 224)
_LAYER = (512, 7, 7)


@pytest.mark.parametrize(
    ("slug", "options", "shape", "ran", "words"),
    [
        ("grad-cam", {}, _LAYER, True, "1 backward"),
        ("grad-cam", {}, _LAYER, False, "2 passes"),
        ("eigen-cam", {}, _LAYER, True, "no pass"),
        ("eigen-cam", {}, _LAYER, False, "1 forward"),
        ("saliency", {}, _IMAGE, True, "2 passes"),
        ("score-cam", {}, _LAYER, True, "512 passes · about 26 s"),
        ("ablation-cam", {}, _LAYER, True, "512 passes · at most 26 s"),
        # 64 forward and 64 backward passes, and one more, a backward one taken for two.
        ("integrated-gradients", {}, _IMAGE, True, "129 passes · about 10 s"),
        ("integrated-gradients", {"steps": 4}, _IMAGE, True, "9 passes"),
        ("rise", {"masks": 1000}, _IMAGE, True, "1,000 passes · about 50 s"),
    ],
)
def test_words(
    slug: str, options: dict[str, object], shape: tuple[int, ...], ran: bool, words: str
) -> None:
    assert cost_of_all(choose(slug, options), (shape,), 0.05, ran=ran) == words


def test_no_time_is_made_up() -> None:
    assert cost_of_all(choose("score-cam"), (_LAYER,), 0.0, ran=True) == "512 passes"


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.slug)
def test_every_method_has_a_cost(method: object) -> None:
    row = next(m for m in METHODS if m is method)
    shape = _IMAGE if not row.layered else _LAYER
    words = cost_of_all(choose(row.slug), (shape,), 0.01, ran=True)
    assert words
    assert len(words) < 40
