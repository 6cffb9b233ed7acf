"""A view: what one map is of, and how it was asked for. Plain values, without any pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.records.asked import CLASS, Question, Score, typed
from engine.records.edits import NO_EDITS, Edits
from engine.records.options import Value

if TYPE_CHECKING:
    from engine.records.explanations import Explanation
    from engine.records.images import LoadedImage

_ANY = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class View:
    """One map as it can be asked for again. Equal ones are equal, and give equal maps.

    image: path, or the name of an image without a file. page: of that file, from 1. model: the key
    of its ModelSource. layer: as addressed; None for the model's default layer, and for a method
    without one. target: index or label of the class; None for the predicted one. question: with its
    score. method: a slug; '' for the model's own. options: of the method, those that are set.
    edits: what is done to the image first.
    """

    image: str
    model: str
    layer: str | None = None
    target: int | str | None = None
    question: Question = CLASS
    method: str = ""
    options: tuple[tuple[str, Value], ...] = ()
    page: int = 1
    edits: Edits = NO_EDITS

    @classmethod
    def of(
        cls, explanation: Explanation, image: LoadedImage, model: str, edits: Edits = NO_EDITS
    ) -> View:
        """The view of a map that is known, with all that was decided for it.

        image: as its file has it; model: the key of what the model was opened from.
        """
        asked = explanation.asked
        against = asked.against if asked.question == "contrast" else None
        return cls(
            str(image.path) if image.path is not None else image.name,
            model,
            explanation.layer or None,
            explanation.target.index,
            Question(asked.question, against, asked.score, asked.unit, asked.cell),
            explanation.method,
            explanation.options,
            image.page,
            edits,
        )

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
        return {
            "image": self.image,
            "page": self.page,
            "model": self.model,
            "layer": self.layer,
            "class": self.target,
            **self.question.facts,
            "method": self.method,
            "options": dict(self.options),
            "edits": self.edits.facts,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> View:
        """The view of these facts; what is missing has its usual value.

        Raises ValueError for facts that are of no view.
        """
        try:
            options = dict(facts.get("options") or {})
            return cls(
                typed(facts["image"], str),
                typed(facts["model"], str),
                typed(facts.get("layer"), str, None),
                typed(facts.get("class"), int, str, None),
                Question.from_facts(facts),
                typed(facts.get("method", ""), str),
                tuple((typed(name, str), typed(to, *_ANY)) for name, to in options.items()),
                typed(facts.get("page", 1), int),
                Edits.from_facts(facts.get("edits") or ()),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this describes no view: {error}") from error
