"""Converts questions to and from plain JSON values; reading checks the type of every value.

Whether a model can answer a question is for engine.targets to say, once the model is open.
"""

from __future__ import annotations

from typing import Any

from engine.errors import ModelError
from engine.records.asked import CLASS, Cell, Question, Score, Unit

_MOST = 10**9


def question_content(question: Question) -> dict[str, Any] | None:
    """The question as JSON values; None for that of the class's own score."""
    if question == CLASS:
        return None
    content: dict[str, Any] = {"name": question.slug}
    if question.against is not None:
        content["against"] = question.against
    if question.score is not None:
        content["score"] = question.score.value
    if question.unit is not None:
        unit = question.unit
        content["unit"] = {"layer": unit.layer, "channel": unit.channel}
        if unit.cell is not None:
            content["unit"]["cell"] = list(unit.cell)
    if question.cell is not None:
        content["cell"] = list(question.cell)
    return content


def question_of(content: object) -> Question:
    """The question from parsed JSON. Raises ModelError for the first value of another type."""
    if content is None:
        return CLASS
    if not isinstance(content, dict):
        raise ModelError("'question' must be an object")
    against, unit = content.get("against"), content.get("unit")
    return Question(
        _text(content.get("name")),
        against=against if against is None or isinstance(against, str) else _count(against),
        score=_score(content["score"]) if "score" in content else None,
        unit=_unit(unit) if unit is not None else None,
        cell=_cell(content["cell"]) if "cell" in content else None,
    )


def _unit(content: object) -> Unit:
    if not isinstance(content, dict):
        raise ModelError("'unit' of a question must be an object")
    cell = _cell(content["cell"]) if "cell" in content else None
    return Unit(_text(content.get("layer")), _count(content.get("channel")), cell)


def _cell(content: object) -> Cell:
    if not isinstance(content, list) or len(content) != 2:
        raise ModelError("'cell' of a question must be a row and a column")
    return _count(content[0]), _count(content[1])


def _score(content: object) -> Score:
    try:
        return Score(str(content))
    except ValueError:
        raise ModelError(f"'score' of a question must be one of {', '.join(Score)}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ModelError("the names in a question must be strings")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
        raise ModelError("the numbers in a question must be whole numbers from 0")
    return value
