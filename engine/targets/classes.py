"""Converts logits to predictions, and finds a class by index or label."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import TargetError
from engine.records.models import Prediction, Scores


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (classes,) of logits (classes,)."""
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum())


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (classes,) of logits (classes,) that are independent of each other."""
    # exp of non-positive numbers only, which cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))


def probabilities(
    logits: NDArray[np.float64], scores: Scores = Scores.CLASSES
) -> NDArray[np.float64]:
    """Probabilities (classes,) of logits (classes,); NaN where these are values. scores: their
    meaning."""
    if scores is Scores.VALUES:
        return np.full(len(logits), np.nan)
    return softmax(logits) if scores is Scores.CLASSES else sigmoid(logits)


def predictions(
    logits: NDArray[np.float64],
    labels: Sequence[str],
    indices: Sequence[int],
    scores: Scores = Scores.CLASSES,
) -> tuple[Prediction, ...]:
    """The Prediction for each of the given classes, in that order; scores: their meaning."""
    if scores is Scores.VALUES:
        return tuple(Prediction(i, labels[i], float(logits[i]), None) for i in indices)
    found = probabilities(logits, scores)
    return tuple(Prediction(i, labels[i], float(logits[i]), float(found[i])) for i in indices)


def find_class(target: int | str, labels: Sequence[str]) -> int:
    """The index of a class given by index or by label (case-insensitive).

    A string of digits is an index, unless it is itself a label. Raises TargetError for an index
    out of range, an unknown label (naming similar ones) and a label shared by several classes.
    """
    if isinstance(target, str):
        wanted = target.strip().casefold()
        found = [i for i, label in enumerate(labels) if label.casefold() == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            indices = ", ".join(str(i) for i in found)
            raise TargetError(
                f"several classes are called '{target}'; choose one by its index: {indices}"
            )
        try:
            target = int(wanted)
        except ValueError:
            near = difflib.get_close_matches(wanted, [label.casefold() for label in labels], n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else _all(labels)
            raise TargetError(f"there is no class '{target}'{hint}") from None
    if not 0 <= target < len(labels):
        raise TargetError(
            f"class {target} is out of range; choose an index from 0 to {len(labels) - 1}"
        )
    return target


def _all(labels: Sequence[str], most: int = 12) -> str:
    if len(labels) > most:
        return f"; choose one of {len(labels)} classes by an index from 0 to {len(labels) - 1}"
    return f"; choose {', '.join(labels)}"
