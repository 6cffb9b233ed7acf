"""What a map answers: the question, the score behind it, and whom it is about. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Cell = tuple[int, int]
"""(row, column), each from 0, from the top left."""


class Score(StrEnum):
    """What is taken of a class: its logit, or its probability by softmax or sigmoid, which the
    other classes may change as well."""

    LOGIT = "logit"
    LOG_PROBABILITY = "log-probability"
    PROBABILITY = "probability"


@dataclass(frozen=True, slots=True)
class Unit:
    """One channel of a layer's output, as the mean over its cells, or one cell of it.

    layer: 'NAME', or 'NAME#k' for its call k. channel: from 0. cell: None for all of them.
    """

    layer: str
    channel: int
    cell: Cell | None = None

    @property
    def address(self) -> str:
        """As it is typed: 'layer3:17', 'layer3:17:4,5'."""
        where = "" if self.cell is None else f":{self.cell[0]},{self.cell[1]}"
        return f"{self.layer}:{self.channel}{where}"


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask about an image, besides the class that it is asked of. Equal ones are equal.

    slug: of engine.targets.questions. against: index or label of the other class of a contrast;
    None for the most probable one besides the class. score: None for the one that the method
    explains by itself, which is the logit for most. unit, cell: for the questions of these names.
    """

    slug: str = "class"
    against: int | str | None = None
    score: Score | None = None
    unit: Unit | None = None
    cell: Cell | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The question for JSON, from which from_facts makes it again."""
        unit = self.unit
        return {
            "question": self.slug,
            "against": self.against,
            "score": None if self.score is None else self.score.value,
            "unit": None if unit is None else [unit.layer, unit.channel, _listed(unit.cell)],
            "cell": _listed(self.cell),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Question:
        """The question of these facts, among others; what is missing has its usual value.

        Raises TypeError and ValueError for facts that are of no question.
        """
        return cls(
            typed(facts.get("question", "class"), str),
            typed(facts.get("against"), int, str, None),
            None if facts.get("score") is None else Score(facts["score"]),
            _unit(facts.get("unit")),
            _cell(facts.get("cell")),
        )


CLASS = Question()
"""The question of a class's own score."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with everything decided: what a map is cached by, and repeated from.

    question: its slug. target, against: indices of classes; None where the question is about none.
    score: None where the question has a number of its own (entropy, a unit's output).
    """

    question: str = "class"
    target: int | None = None
    against: int | None = None
    score: Score | None = Score.LOGIT
    unit: Unit | None = None
    cell: Cell | None = None


def typed(value: Any, *kinds: type | None) -> Any:
    """The value of a JSON file, if it is of one of these types. Raises TypeError."""
    if (None in kinds and value is None) or type(value) in kinds:
        return value
    raise TypeError(f"{value!r} is of another type than is wanted")


def _listed(cell: Cell | None) -> list[int] | None:
    return None if cell is None else list(cell)


def _cell(facts: Any) -> Cell | None:
    if facts is None:
        return None
    row, column = (typed(number, int) for number in facts)
    return row, column


def _unit(facts: Any) -> Unit | None:
    if facts is None:
        return None
    layer, channel, cell = facts
    return Unit(typed(layer, str), typed(channel, int), _cell(cell))
