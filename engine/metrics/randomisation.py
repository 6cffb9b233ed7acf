"""Randomised weights: whether a map depends on what the network has learned.

On a copy of the network; the user's own is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.inspection.facts import Inspection
from engine.metrics.agreement import rank_correlation
from engine.metrics.table import find as row_of
from engine.progress import CancelToken
from engine.records.explanations import FloatMap
from engine.records.workbench.trust import Curve, TrustFigure, measured

SEEDS = 3
STEPS = ("the head", "the last third", "two thirds", "all weights")
"""What is random at each step."""

# Values that are drawn between two looks at the token.
_CHUNK = 1 << 20
_DEPENDS, _HARDLY = 0.3, 0.7


def weighted_modules(module: nn.Module, facts: Inspection) -> list[str]:
    """The names of the modules with parameters of their own, from the head down: the last one that
    a pass finishes first. One that is not called by itself comes last."""
    order = {name: place for place, (name, _) in enumerate(facts.calls)}
    own = [
        name
        for name, inner in module.named_modules()
        if any(p is not None and p.is_floating_point() for p in inner.parameters(recurse=False))
    ]
    # What a container holds by itself, such as an embedding of positions, is used before its
    # children, though its own call ends after theirs.
    first: dict[str, int] = {}
    for name in own:
        inside = [at for other, at in order.items() if other.startswith(f"{name}.") or not name]
        first[name] = min(inside) - 1 if inside else order.get(name, -1)
    return sorted(own, key=lambda name: -first[name])


def cuts_of(count: int) -> tuple[int, ...]:
    """How many of so many modules, from the head down, are random at each of the four steps; fewer
    steps of a small network. Ascending."""
    thirds = (1, -(-count // 3), -(-2 * count // 3), count)
    return tuple(sorted(set(thirds)))


@dataclass(slots=True, eq=False)
class Randomiser:
    """Gives a copy of a network random weights, from the head down.

    own: the network, which is only read. copied: the copy, which is written. names: as from
    weighted_modules.
    """

    own: nn.Module
    copied: nn.Module
    names: Sequence[str]

    def restore(self) -> None:
        """Give the copy the network's weights again."""
        with torch.no_grad():
            for mine, theirs in zip(self.copied.parameters(), self.own.parameters(), strict=True):
                mine.copy_(theirs)

    def randomise(self, first: int, last: int, seed: int, cancel: CancelToken | None) -> None:
        """Draw the parameters of the modules names[first:last] anew: normal values of the mean and
        deviation that each tensor had, so that activations keep their size.

        A parameter that several modules share is drawn with the first. Raises Cancelled.
        """
        known = {id(p) for name in self.names[:first] for p in self._parameters(name)}
        for at in range(first, last):
            generator = torch.Generator().manual_seed(seed * 100_003 + at)
            for parameter in self._parameters(self.names[at]):
                if id(parameter) not in known and parameter.is_floating_point():
                    known.add(id(parameter))
                    _draw(parameter, generator, cancel)

    def _parameters(self, name: str) -> Iterator[Tensor]:
        return iter(self.copied.get_submodule(name).parameters(recurse=False))


def _draw(parameter: Tensor, generator: torch.Generator, cancel: CancelToken | None) -> None:
    with torch.no_grad():
        mean = float(parameter.mean())
        deviation = float(parameter.std(correction=0))
        flat = torch.empty(parameter.numel())
        for begin in range(0, len(flat), _CHUNK):
            if cancel is not None:
                cancel.raise_if_cancelled()
            flat[begin : begin + _CHUNK].normal_(mean, deviation, generator=generator)
        parameter.copy_(flat.view(parameter.shape))


def randomised(
    own: FloatMap,
    randomiser: Randomiser,
    explain: Callable[[], FloatMap | None],
    report: Callable[[int, int], None],
    seed: int,
    cancel: CancelToken | None,
) -> tuple[tuple[int, ...], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """The steps, and float64 (seeds, steps): the rank correlation with the map itself at each.

    explain: the map by the copy as it stands; None if it has none, which, as for a map that is
    the same everywhere, counts as no correlation. report: maps made, and how many there will be.
    """
    cuts = cuts_of(len(randomiser.names))
    found = np.zeros((SEEDS, len(cuts)))
    for row in range(SEEDS):
        randomiser.restore()
        before = 0
        for column, cut in enumerate(cuts):
            report(row * len(cuts) + column, SEEDS * len(cuts))
            randomiser.randomise(before, cut, seed + row, cancel)
            before = cut
            map = explain()
            value = None if map is None else rank_correlation(own, map)
            found[row, column] = 0.0 if value is None else value
    return cuts, found


def figure_of(
    cuts: tuple[int, ...], found: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> TrustFigure:
    """The figure of what randomised returns."""
    means, last = found.mean(axis=0), found[:, -1]
    value, spread = float(last.mean()), float(last.std(ddof=1))
    if abs(value) >= _HARDLY:
        kind = (
            "The map hardly depends on what was learned: it would look much the same for a network "
            "that knows nothing."
        )
    elif abs(value) >= _DEPENDS:
        kind = "Much of the map does not depend on what was learned."
    else:
        kind = "The map depends on what was learned."
    verdict = (
        f"{kind} With all weights random, its rank correlation with this map is "
        f"{measured(value, spread)}, over {SEEDS} seeds."
    )
    names = STEPS if len(cuts) == len(STEPS) else tuple(f"{cut} of {cuts[-1]}" for cut in cuts)
    ticks = ("none", *names)
    xs = tuple(float(at) for at in range(len(ticks)))
    curves = [Curve("mean", "rank correlation", xs, (1.0, *map(float, means)), ticks)]
    curves += [
        Curve(f"seed {number}", "rank correlation", xs, (1.0, *map(float, row)), ticks)
        for number, row in enumerate(found, 1)
    ]
    title = row_of("randomisation").title
    return TrustFigure(
        "randomisation",
        title,
        value,
        verdict,
        spread,
        curves=tuple(curves),
        unit="rank correlation",
    )
