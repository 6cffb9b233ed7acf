"""The product of what is named several times: a view for each combination, in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from engine.methods import registry
from engine.records.asked import CLASS, Question
from engine.records.options import Value
from engine.records.views import View


@dataclass(frozen=True, slots=True)
class Rank:
    """A class by its place among the predictions of an image, 0 for the most probable one."""

    place: int


Wanted: TypeAlias = int | str | Rank | None
"""A class as it is named; None for the predicted one."""


@dataclass(frozen=True, slots=True)
class Named:
    """What is to be compared, each part once or several times.

    models: keys of their sources. layers: None for a model's default one. methods: '' for a model's
    own. options: given to each of the methods that has an option of that name. absent: (position of
    a model, a layer that it does not have), left out of the product; each model has one at least.
    """

    images: tuple[str, ...]
    models: tuple[str, ...]
    layers: tuple[str | None, ...] = (None,)
    classes: tuple[Wanted, ...] = (None,)
    methods: tuple[str, ...] = ("",)
    question: Question = CLASS
    options: tuple[tuple[str, Value], ...] = ()
    page: int = 1
    absent: frozenset[tuple[int, str | None]] = frozenset()

    @property
    def columns(self) -> int | None:
        """How many panes form a row: as many as are named of what varies fastest. None where only
        one part is named several times, and any number suits them."""
        counts = len(self.images), len(self.models), max(self._layer_counts)
        several = [n for n in (*counts, len(self.classes), len(self.methods)) if n > 1]
        return several[-1] if len(several) > 1 else None

    @property
    def rows(self) -> tuple[int, ...] | None:
        """How many panes each row has, where models have not the same number of the layers and the
        rows are of layers; None where all rows are of equal length."""
        counts = self._layer_counts
        if len(self.classes) > 1 or len(self.methods) > 1 or len(set(counts)) == 1:
            return None
        return counts * len(self.images)

    @property
    def count(self) -> int:
        """How many panes there are."""
        others = len(self.images) * len(self.classes) * len(self.methods)
        return sum(self._layer_counts) * others

    @property
    def _layer_counts(self) -> tuple[int, ...]:
        """How many of the layers each model has."""
        return tuple(
            sum((model, layer) not in self.absent for layer in self.layers)
            for model in range(len(self.models))
        )

    def combinations(self) -> list[Combination]:
        """All of them, the method varying fastest, then class, layer, model and image."""
        found = product(
            range(len(self.images)),
            range(len(self.models)),
            self.layers,
            self.classes,
            self.methods,
        )
        return [Combination(self, *one) for one in found if (one[1], one[2]) not in self.absent]


@dataclass(frozen=True, slots=True)
class Combination:
    """One of a product. image, model: positions among those that are named."""

    named: Named
    image: int
    model: int
    layer: str | None
    target: Wanted
    method: str

    def view(self, ranked: Sequence[int] = ()) -> View:
        """The view. ranked: the classes of this image by falling score, for one by its rank."""
        named, target = self.named, self.target
        if isinstance(target, Rank):
            target = ranked[target.place]
        layer, options = self.layer, named.options
        if self.method:
            method = registry.find(self.method)
            # A method without layers has one map, whatever layers the others are asked for.
            layer = layer if method.layered else None
            known = {option.name for option in method.options}
            options = tuple((name, value) for name, value in options if name in known)
        return View(
            named.images[self.image],
            named.models[self.model],
            layer,
            target,
            named.question,
            self.method,
            options,
            named.page,
        )
