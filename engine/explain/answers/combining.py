"""Maps that follow from those of two classes, by a method that is linear in what it explains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.explain.answers.known import KnownMaps
from engine.explain.maps import RawMap
from engine.methods.registry import Chosen, is_linear
from engine.passes.hooks import Call
from engine.records.asked import Asked
from engine.targets.scores import parts_of

Parts = tuple[tuple[Asked, float], ...]


def parts_for(asked: Asked, how: Chosen) -> Parts:
    """The questions of single classes whose maps make up this one's, each with its factor; ()
    where it has to be asked by itself."""
    if asked.question == "class" or not is_linear(how):
        return ()
    return tuple(
        (Asked("class", index, score=asked.score), factor) for index, factor in parts_of(asked)
    )


def missing(known: KnownMaps, parts: Parts, how: Chosen, calls: Collection[Call]) -> Parts | None:
    """The parts whose maps of these calls are not all known; None if that is all of them.

    Where nothing is known, asking the question itself takes fewer passes.
    """
    lacking = tuple(
        (part, factor)
        for part, factor in parts
        if any(call not in known.of(part, how) for call in calls)
    )
    return lacking if len(lacking) < len(parts) else None


def combined(
    known: KnownMaps, parts: Parts, how: Chosen, calls: Collection[Call]
) -> dict[Call, RawMap]:
    """The maps of those calls for which those of all parts are known."""
    if not parts:
        return {}
    sets: list[tuple[Mapping[Call, RawMap], float]] = [
        (known.of(part, how), factor) for part, factor in parts
    ]
    return {
        call: _sum([(maps[call], factor) for maps, factor in sets])
        for call in calls
        if all(call in maps for maps, _ in sets)
    }


def _sum(maps: Sequence[tuple[RawMap, float]]) -> RawMap:
    first, factor = maps[0]
    total = factor * first.map.astype(np.float64)
    sums = first.sums.scaled(factor) if first.sums is not None else None
    for other, weight in maps[1:]:
        total += weight * other.map.astype(np.float64)
        if sums is not None and other.sums is not None:
            sums = sums.plus(other.sums.scaled(weight))
    return replace(
        first,
        map=total.astype(np.float32),
        anything=any(found.anything for found, _ in maps),
        said=tuple(text for text in first.said if all(text in found.said for found, _ in maps)),
        seconds=0.0,
        sums=sums,
    )
