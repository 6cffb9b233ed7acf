"""Classes by index and by label, probabilities by another road."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.errors import TargetError
from engine.records.models import Scores
from engine.targets.classes import find_class, predictions, sigmoid, softmax

LABELS = ("tench", "goldfish", "crane", "Tiger Cat", "crane", "7")


@pytest.mark.parametrize(
    ("target", "index"),
    [(0, 0), (5, 5), ("goldfish", 1), ("  GoldFish ", 1), ("tiger cat", 3), ("2", 2), ("7", 5)],
)
def test_found(target: int | str, index: int) -> None:
    assert find_class(target, LABELS) == index


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (6, "class 6 is out of range; choose an index from 0 to 5"),
        (-1, "out of range"),
        ("8", "out of range"),
        ("-1", "out of range"),
        ("gold fish", "did you mean goldfish"),
        ("crane", "by its index: 2, 4"),
        ("zebra", "there is no class 'zebra'; choose tench"),
        ("", "there is no class ''"),
        ("1.5", "there is no class '1.5'"),
    ],
)
def test_not_found(target: int | str, said: str) -> None:
    with pytest.raises(TargetError, match=said) as caught:
        find_class(target, LABELS)
    assert "\n" not in str(caught.value)


def test_many_classes_are_counted_not_listed() -> None:
    labels = tuple(f"class {i}" for i in range(1000))
    with pytest.raises(TargetError, match="one of 1000 classes by an index from 0 to 999"):
        find_class("zzzzzz", labels)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 5000.0])
def test_softmax(scale: float) -> None:
    logits = scale * np.random.default_rng(0).normal(size=50)
    expected = torch.from_numpy(logits).softmax(0).numpy()
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-12, atol=1e-300)


def test_predictions() -> None:
    logits = np.log(np.array([1.0, 2.0, 5.0]))
    found = predictions(logits, ("a", "b", "c"), [2, 0])
    assert [(p.index, p.label) for p in found] == [(2, "c"), (0, "a")]
    assert [p.probability for p in found] == pytest.approx([5 / 8, 1 / 8])
    assert found[0].logit == pytest.approx(math.log(5))


def test_sigmoid() -> None:
    logits = np.array([-5000.0, -30.0, -1.0, 0.0, 2.0, 800.0])
    expected = torch.from_numpy(logits).sigmoid().numpy()
    np.testing.assert_allclose(sigmoid(logits), expected, rtol=1e-12, atol=1e-300)


def test_independent_predictions() -> None:
    logits = np.array([0.0, math.log(3.0), -math.log(4.0)])
    for scores in (Scores.LABELS, Scores.SIDES):
        found = predictions(logits, ("a", "b", "c"), [1, 0, 2], scores)
        assert [p.probability for p in found] == pytest.approx([3 / 4, 1 / 2, 1 / 5])
