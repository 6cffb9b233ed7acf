"""What was selected for an image of a session when another one was shown in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import SessionError
from engine.records.asked import CLASS, Question
from engine.records.options import Value
from engine.records.views import View


@dataclass(frozen=True, slots=True)
class KeptLeft:
    """With one model, besides the class: as in a view. comparing: the predicted class was compared
    with the expected one."""

    layer: str | None = None
    method: str = ""
    options: tuple[tuple[str, Value], ...] = ()
    question: Question = CLASS
    comparing: bool = False


def left_facts(left: KeptLeft) -> dict[str, Any]:
    """It as JSON values, under the names that a view has for them."""
    return {
        "layer": left.layer,
        **left.question.facts,
        "method": left.method,
        "options": dict(left.options),
        "comparing": left.comparing,
    }


def left_of(content: object) -> KeptLeft:
    """It from parsed JSON. Raises SessionError for the first error found."""
    if not isinstance(content, dict):
        raise SessionError("'left' must be an object")
    comparing = content.get("comparing", False)
    if type(comparing) is not bool:
        raise SessionError("'comparing' must be true or false")
    try:
        view = View.from_facts(content | {"image": "", "model": "", "class": None, "edits": []})
    except ValueError as error:
        raise SessionError(f"'left': {error}") from error
    return KeptLeft(view.layer, view.method, view.options, view.question, comparing)
