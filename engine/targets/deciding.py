"""From a question to what is asked of one image: classes by index, a score, nothing left open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import TargetError
from engine.records.asked import Asked, Question, Score
from engine.records.models import Scores
from engine.targets.classes import find_class
from engine.targets.questions import find


def decided(
    question: Question,
    target: int | None,
    default: Score,
    scores: Scores,
    classes: Sequence[str],
    logits: NDArray[np.float64] | None,
) -> Asked | None:
    """What is asked, or None if the logits have to decide it and are not known yet.

    question: a checked one. target: the class's index, None for the one with the highest logit.
    default: the score where the question names none. logits: float64 (classes,).
    Raises TargetError for another class that does not exist, or is the class itself.
    """
    row = find(question.slug)
    score = _score(question.score or default, scores) if row.scored else None
    if question.unit is not None:
        return Asked(row.slug, score=None, unit=question.unit)
    if row.slug == "entropy":
        return Asked(row.slug, score=None)
    if row.slug == "margin":
        if logits is None:
            return None
        first, second = _order(logits)[:2]
        return Asked(row.slug, first, second, score)
    if target is None:
        if logits is None:
            return None
        target = _order(logits)[0]
    against = None
    if row.against:
        if question.against is not None:
            against = find_class(question.against, classes)
        elif logits is None:
            return None
        else:
            against = next(index for index in _order(logits) if index != target)
        if against == target:
            raise TargetError(
                f"'{classes[target]}' against itself says nothing; choose another class"
            )
    return Asked(row.slug, target, against, score, cell=question.cell)


def _score(wanted: Score, scores: Scores) -> Score:
    """Values have no probabilities: where a method takes these by itself, it takes the value."""
    return Score.LOGIT if scores is Scores.VALUES else wanted


def _order(logits: NDArray[np.float64]) -> list[int]:
    return [int(index) for index in np.argsort(-logits, kind="stable")]


def class_of_folder(path: Path | None, classes: Sequence[str]) -> int:
    """The class that the folder of an image is called by, in any case, '_' for a space.

    Raises TargetError if there is none.
    """
    name = path.resolve().parent.name if path is not None else ""
    for text in (name, name.replace("_", " ")):
        wanted = text.strip().casefold()
        found = [index for index, label in enumerate(classes) if label.casefold() == wanted]
        if len(found) == 1 and wanted:
            return found[0]
    raise TargetError(
        f"the image's folder '{name}' is called by none of the classes; name the expected class"
    )
