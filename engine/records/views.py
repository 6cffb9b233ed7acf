"""A view: what one map is of, and how it was asked for. Plain values, without any pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.records.asked import CLASS, Question, Score, Unit
from engine.records.options import Value

_ANY = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class View:
    """One map as it can be asked for again. Equal ones are equal, and give equal maps.

    image: path, or the name of an image without a file. page: of that file, from 1. model: the key
    of its ModelSource. layer: as addressed; None for the model's default layer, and for a method
    without one. target: index or label of the class; None for the predicted one. question: with its
    score. method: a slug; '' for the model's own. options: of the method, those that are set.
    """

    image: str
    model: str
    layer: str | None = None
    target: int | str | None = None
    question: Question = CLASS
    method: str = ""
    options: tuple[tuple[str, Value], ...] = ()
    page: int = 1

    @property
    def score(self) -> Score | None:
        """What is taken of the class; None for the method's usual score."""
        return self.question.score

    def with_score(self, score: Score | None) -> View:
        """The same view by another score."""
        return replace(self, question=replace(self.question, score=score))

    @property
    def facts(self) -> dict[str, Any]:
        """The view for JSON, from which from_facts makes it again."""
        question, unit = self.question, self.question.unit
        return {
            "image": self.image,
            "page": self.page,
            "model": self.model,
            "layer": self.layer,
            "class": self.target,
            "question": question.slug,
            "against": question.against,
            "score": None if question.score is None else question.score.value,
            "unit": None if unit is None else [unit.layer, unit.channel, _listed(unit.cell)],
            "cell": _listed(question.cell),
            "method": self.method,
            "options": dict(self.options),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> View:
        """The view of these facts; what is missing has its usual value.

        Raises ValueError for facts that are of no view.
        """
        try:
            question = Question(
                _typed(facts.get("question", "class"), str),
                _typed(facts.get("against"), int, str, None),
                None if facts.get("score") is None else Score(facts["score"]),
                _unit(facts.get("unit")),
                _cell(facts.get("cell")),
            )
            options = dict(facts.get("options") or {})
            return cls(
                _typed(facts["image"], str),
                _typed(facts["model"], str),
                _typed(facts.get("layer"), str, None),
                _typed(facts.get("class"), int, str, None),
                question,
                _typed(facts.get("method", ""), str),
                tuple((_typed(name, str), _typed(to, *_ANY)) for name, to in options.items()),
                _typed(facts.get("page", 1), int),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this describes no view: {error}") from error


def _typed(value: Any, *kinds: type | None) -> Any:
    """The value, if it is of one of these types. Raises TypeError."""
    if (None in kinds and value is None) or type(value) in kinds:
        return value
    raise TypeError(f"{value!r} is of another type than is wanted")


def _listed(cell: tuple[int, int] | None) -> list[int] | None:
    return None if cell is None else list(cell)


def _cell(facts: Any) -> tuple[int, int] | None:
    if facts is None:
        return None
    row, column = (_typed(number, int) for number in facts)
    return row, column


def _unit(facts: Any) -> Unit | None:
    if facts is None:
        return None
    layer, channel, cell = facts
    return Unit(_typed(layer, str), _typed(channel, int), _cell(cell))
