"""What a network says of an edited image, beside what it says of the image as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np
from engine.records.edits import Changing, Edits
from engine.records.images import LoadedImage, Region
from engine.records.models import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """One class and the likeliest ones, before the edits and after them.

    target: the class before, changed: the same class after. before, after: the classes with the
    highest scores, highest first. image: as edited. region: what the network saw of it, in pixels
    of the image as its file has it; for one that was moved, of the frame.
    """

    target: Prediction
    changed: Prediction
    before: tuple[Prediction, ...]
    after: tuple[Prediction, ...]
    image: LoadedImage
    edits: Edits
    region: Region

    @property
    def logit(self) -> float:
        """By how much the logit of the class is higher after the edits."""
        return self.changed.logit - self.target.logit

    @property
    def probability(self) -> float | None:
        """The same of its probability, -1 to 1; None where the network returns values."""
        if self.changed.probability is None or self.target.probability is None:
            return None
        return self.changed.probability - self.target.probability

    @property
    def is_turned(self) -> bool:
        """Whether another class is the most probable one after the edits."""
        return self.before[0].index != self.after[0].index


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The score of a class while one change goes over its range, the other edits as they are.

    amounts, ascending; logits, and probabilities from 0 to 1, None where the network returns
    values: float64 (amounts,).
    """

    what: Changing
    target: Prediction
    amounts: tuple[float, ...]
    logits: Numbers
    probabilities: Numbers | None


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The score of a class by where a piece is pasted, the other edits as they are.

    target: the class without the piece. logits, and probabilities from 0 to 1, None where the
    network returns values: float64 (rows, columns); the piece's centre lies at the centre of the
    cell. region: the part of the image that the cells cover.
    """

    target: Prediction
    logits: Numbers
    probabilities: Numbers | None
    region: Region

    def corner(self, row: int, column: int, size: tuple[float, float]) -> tuple[float, float]:
        """Where the top-left corner of a piece (width, height) lies for a cell."""
        rows, columns = self.logits.shape
        return (
            self.region.x + (column + 0.5) / columns * self.region.width - size[0] / 2,
            self.region.y + (row + 0.5) / rows * self.region.height - size[1] / 2,
        )
