"""What is said of a class beside its name."""

from __future__ import annotations

import pytest

from engine.records.models import Prediction


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.9713, "97.1 %"),
        (0.0004, "< 0.1 %"),
        (0.0006, "0.1 %"),
        (0.9997, "> 99.9 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_probability_is_not_rounded_to_none_or_all(probability: float, said: str) -> None:
    assert Prediction(0, "star", 1.0, probability).said == said
