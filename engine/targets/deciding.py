"""From a question to what is asked of one image: classes by index, a score, nothing left open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import TargetError
from engine.records.asked import Asked, Cell, Question, Score, Unit
from engine.records.models import Scores
from engine.targets.classes import find_class
from engine.targets.questions import find


def checked(question: Question) -> Question:
    """The question, if it has what its row needs and nothing else. Raises TargetError."""
    row = find(question.slug)
    given = (
        (question.against is not None, row.against, "other class", "contrast"),
        (question.unit is not None, row.unit, "unit", "unit"),
        (question.cell is not None, row.cell, "output cell", "cell"),
    )
    for is_given, is_taken, thing, better in given:
        if is_given and not is_taken:
            raise TargetError(f"the question '{row.slug}' takes no {thing}; ask '{better}'")
    if row.unit and question.unit is None:
        raise TargetError("the question 'unit' needs a unit, as in layer3:17")
    if row.cell and question.cell is None:
        raise TargetError("the question 'cell' needs an output cell, as in 3,4")
    return question


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


_UNIT = re.compile(r"(?P<layer>.+?):(?P<channel>\d+)(?::(?P<row>\d+),(?P<column>\d+))?")
_CELL = re.compile(r"(?P<row>\d+),(?P<column>\d+)")


def parse_unit(text: str) -> Unit:
    """The unit that 'LAYER:CHANNEL' or 'LAYER:CHANNEL:ROW,COLUMN' names. Raises TargetError."""
    found = _UNIT.fullmatch(text.strip())
    if found is None:
        raise TargetError(
            f"'{text}' is no unit; write LAYER:CHANNEL, as in layer3:17, or with a "
            "cell, as in layer3:17:4,5"
        )
    cell = None
    if found["row"] is not None:
        cell = int(found["row"]), int(found["column"])
    return Unit(found["layer"], int(found["channel"]), cell)


def parse_cell(text: str) -> Cell:
    """The cell that 'ROW,COLUMN' names. Raises TargetError."""
    found = _CELL.fullmatch(text.strip())
    if found is None:
        raise TargetError(f"'{text}' is no cell; write ROW,COLUMN, as in 3,4")
    return int(found["row"]), int(found["column"])


FOLDER = "folder"
"""In place of a class: the one that the image's folder is called by."""


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
