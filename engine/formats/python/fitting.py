"""Finds the network of a file, and its arguments, that weights fit: by shapes, without data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from torch import nn

from engine.errors import FOREIGN_ERRORS, ModelError
from engine.formats.python import candidates, proposals
from engine.formats.python.importing import fetched_by, told_in_one_line
from engine.formats.python.offline.fetches import without_fetching
from engine.formats.python.shapes import Shapes, WithoutData, distance, shapes_of
from engine.questions import NetworkOption
from engine.reader import client

_log = logging.getLogger(__name__)

Values = dict[str, object]
Given = Callable[[NetworkOption], Values]
"""The user's arguments for an option."""

# Counted in networks built without data, so that the result does not depend on the machine's load.
_MOST_BUILT = 240
_MOST_SEARCHED = 8

_PRETRAINED = ("pretrained", "weights", "pretrain", "imagenet")


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A network of the file with arguments.

    values: those that differ from the defaults. found: the names among them that were derived from
    the weights. shapes: its own. distance: to the weights, in keys. text: repr of the network, kind
    its class. parts: names of the classes that it extends and that match as well.
    """

    option: NetworkOption
    values: Values
    shapes: Shapes
    distance: int
    text: str
    kind: type[nn.Module]
    found: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Search:
    """The search in one file.

    failures: networks that cannot be built, and why. built: how many networks were built.
    """

    path: Path
    module: ModuleType
    failures: dict[str, ModelError] = field(default_factory=dict)
    built: int = 0

    def guess(
        self, option: NetworkOption, values: Values, weights: Sequence[Shapes]
    ) -> Guess | None:
        """The network with these arguments, held against the closest of the weights' variants;
        None if it cannot be built."""
        network = self._built(option, values)
        if network is None:
            return None
        shapes = shapes_of(network)
        nearest = min(distance(shapes, variant) for variant in weights)
        return Guess(option, values, shapes, nearest, repr(network), type(network))

    def fitted(self, start: Guess, weights: Sequence[Shapes], given: Values) -> Guess:
        """The guess that comes closest when arguments are derived from the weights.

        Each argument in turn gets the values that the shapes suggest; one that brings the network
        closer is kept, until nothing does. given: arguments of the user, which stay.
        """
        best, left = start, True
        # What fails with a value that was only tried is no fault of the file.
        failures = dict(self.failures)
        while best.distance and left and self.built < _MOST_BUILT:
            left = False
            nearest = min(weights, key=lambda variant: distance(best.shapes, variant))
            for changes in self._proposed(best, nearest, given):
                if self.built >= _MOST_BUILT:
                    break
                found = self._guess_unpretrained(best.option, {**best.values, **changes}, weights)
                if found is not None and found.distance < best.distance:
                    names = tuple(dict.fromkeys((*best.found, *changes)))
                    best, left = replace(found, found=names), True
                    break
        self.failures = failures
        return best

    def _guess_unpretrained(
        self, option: NetworkOption, values: Values, weights: Sequence[Shapes]
    ) -> Guess | None:
        """The guess; without published weights if the code accepts these values only so."""
        for each in (values, *_without_pretrained(option, values)):
            found = self.guess(option, each, weights)
            if found is not None:
                return found
        return None

    def _proposed(self, best: Guess, nearest: Shapes, given: Values) -> Iterator[Values]:
        seen: set[str] = set()
        free = [p for p in best.option.parameters if p.name not in given]
        for parameter in proposals.in_order(free):
            current = best.values.get(parameter.name, proposals.default_of(parameter))
            for value in proposals.values(parameter, current, best.shapes, nearest, self.module):
                key = f"{parameter.name}={value!r}"
                if value != current and key not in seen:
                    seen.add(key)
                    yield {parameter.name: value}
        yield from proposals.flags_with_classes(free, best.values, nearest)

    def _built(self, option: NetworkOption, values: Values) -> nn.Module | None:
        """The network without data, or with it where its constructor reads numbers; None, and a
        failure noted, if it cannot be built."""
        client.raise_if_cancelled()
        self.built += 1
        try:
            with without_fetching(fetched_by(self.module)), told_in_one_line(self.path):
                try:
                    with WithoutData():
                        return candidates.called(self.path, self.module, option, values)
                except FOREIGN_ERRORS as error:
                    if not isinstance(error, NotImplementedError) and "meta" not in str(error):
                        raise
                    _log.info("%s is not built without data: %s", option.name, error)
                    return candidates.called(self.path, self.module, option, values)
        except ModelError as error:
            self.failures.setdefault(option.name, error)
            return None


def _ready(
    search: Search, options: Sequence[NetworkOption], weights: Sequence[Shapes], given: Given
) -> list[Guess]:
    """The options that need no further argument, with their defaults."""
    guesses: list[Guess] = []
    for option in options:
        values = given(option)
        for each in (values, *_without_pretrained(option, values)):
            guess = search.guess(option, each, weights)
            if guess is not None:
                search.failures.pop(option.name, None)
                guesses.append(guess)
                break
    return guesses


def _lacking(
    search: Search, options: Sequence[NetworkOption], weights: Sequence[Shapes], given: Given
) -> list[Guess]:
    """The others, with what their arguments may have been."""
    guesses: list[Guess] = []
    for option in options:
        values = given(option)
        wanted = [p for p in option.parameters if p.required and p.name not in values]
        for first in proposals.required(wanted, weights[0], search.module):
            guess = search.guess(option, {**values, **first}, weights)
            if guess is not None:
                guesses.append(replace(guess, found=tuple(first)))
            if search.built >= _MOST_BUILT or (guess is not None and not guess.distance):
                break
        # A reason is of interest only where nothing had to be guessed.
        search.failures.pop(option.name, None)
    return guesses


def _without_pretrained(option: NetworkOption, values: Values) -> Iterator[Values]:
    """The arguments that ask for no published weights, for code that fails where it gets none."""
    for parameter in option.parameters:
        if parameter.name in _PRETRAINED and parameter.name not in values:
            off = False if parameter.kind == "bool" else None
            if proposals.default_of(parameter) not in (off, None):
                yield {**values, parameter.name: off}


def fits(
    search: Search, options: Sequence[NetworkOption], weights: Sequence[Shapes], given: Given
) -> tuple[list[Guess], Guess | None]:
    """The networks that match the weights, each structure once, and the closest of all.

    Networks that match with their defaults are taken; otherwise the closest few are searched, and
    last those that cannot be built without further arguments.
    """
    needing = [
        o for o in options if any(p.required and p.name not in given(o) for p in o.parameters)
    ]
    guesses: list[Guess] = []
    matching: list[Guess] = []
    for start, group in (
        (_ready, [option for option in options if option not in needing]),
        (_lacking, needing),
    ):
        begun = sorted(start(search, group, weights, given), key=lambda guess: guess.distance)
        guesses += [*_searched(search, begun, weights, given), *begun]
        matching = [guess for guess in guesses if not guess.distance]
        if matching:
            break
    # A class and the function that calls it with its defaults count as one network.
    different = {guess.text: guess for guess in reversed(matching)}
    return list(reversed(different.values())), min(guesses, key=_closeness, default=None)


def _searched(
    search: Search, begun: Sequence[Guess], weights: Sequence[Shapes], given: Given
) -> Iterator[Guess]:
    """The closest few with arguments derived from the weights, until one matches; those that were
    as close before are searched as well, since they may match too."""
    most: int | None = None
    for guess in begun[:_MOST_SEARCHED]:
        if not guess.distance or (most is not None and guess.distance > most):
            return
        found = search.fitted(guess, weights, given(guess.option))
        yield found
        if not found.distance:
            most = guess.distance


def _closeness(guess: Guess) -> float:
    """Keys that differ, as a fraction of the network's."""
    return guess.distance / max(1, len(guess.shapes))
