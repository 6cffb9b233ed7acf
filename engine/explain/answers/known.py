"""The maps that a session has made, by what was asked."""

from __future__ import annotations

from collections.abc import Mapping

from engine.explain.maps import RawMap
from engine.methods.inputs import Weights
from engine.methods.registry import Chosen
from engine.passes.hooks import Call
from engine.records.asked import Asked

WHOLE: Call = ("", -1)
"""The call under which the map of a method without a layer is kept."""

# Bytes of maps that are kept; of the sets (one per question, class and method), those used
# least recently are recomputed.
_KEPT = 64 << 20

# Sets of channel weights that are kept: a few kilobytes for each layer.
_WEIGHTS_KEPT = 8

# What maps of methods that are the same for every question are kept by.
_ANYTHING = Asked("")


class KnownMaps:
    """Maps by call, a set of them for each thing that was asked by a method."""

    def __init__(self) -> None:
        self._sets: dict[tuple[Asked, Chosen], dict[Call, RawMap]] = {}
        self._bytes = 0
        self._weights: dict[tuple[Asked, Chosen], Mapping[Call, Weights]] = {}

    def of(self, asked: Asked, how: Chosen) -> Mapping[Call, RawMap]:
        """The maps that are known; they are now the most recently used."""
        key = _key(asked, how)
        maps = self._sets.pop(key, None)
        if maps is None:
            return {}
        self._sets[key] = maps
        return maps

    def add(self, asked: Asked, how: Chosen, maps: Mapping[Call, RawMap]) -> None:
        """Keep maps beside those that are known; the least recently used sets make room."""
        key = _key(asked, how)
        before = self._sets.pop(key, {})
        self._sets[key] = {**before, **maps}
        self._bytes += _size(self._sets[key]) - _size(before)
        while self._bytes > _KEPT and len(self._sets) > 1:
            self._bytes -= _size(self._sets.pop(next(iter(self._sets))))

    def weights(self, asked: Asked, how: Chosen, call: Call) -> Weights | None:
        """The channel weights of which the call's map can be made, if they are known."""
        return self._weights.get(_key(asked, how), {}).get(call)

    def note(self, asked: Asked, how: Chosen, weights: Mapping[Call, Weights]) -> None:
        """Keep channel weights; those that were noted longest ago make room."""
        self._weights.pop(_key(asked, how), None)
        self._weights[_key(asked, how)] = weights
        while len(self._weights) > _WEIGHTS_KEPT:
            del self._weights[next(iter(self._weights))]

    def clear(self) -> None:
        """Forget all of them."""
        self._sets.clear()
        self._bytes = 0
        self._weights.clear()


def _size(maps: Mapping[Call, RawMap]) -> int:
    return sum(raw.map.nbytes for raw in maps.values())


def _key(asked: Asked, how: Chosen) -> tuple[Asked, Chosen]:
    return (asked if how.method.class_dependent else _ANYTHING, how)
