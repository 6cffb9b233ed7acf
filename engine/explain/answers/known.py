"""The maps that a session has made, by what was asked."""

from __future__ import annotations

from engine.explain.maps import RawMap
from engine.methods.registry import Chosen
from engine.passes.hooks import Call

WHOLE: Call = ("", -1)
"""The call under which the map of a method without a layer is kept."""

# Sets of maps (one per class and method) that are kept; the least recently used are recomputed.
_SETS_KEPT = 32

# The class under which maps of class-independent methods are kept.
_ANY_CLASS = -1


class KnownMaps:
    """Maps by call, a set of them for each class and method."""

    def __init__(self) -> None:
        self._sets: dict[tuple[int, Chosen], dict[Call, RawMap]] = {}

    def of(self, target: int, how: Chosen) -> dict[Call, RawMap]:
        """The maps for a class and method, to read and to add to; now the most recently used."""
        key = (target if how.method.class_dependent else _ANY_CLASS, how)
        maps = self._sets.pop(key, {})
        self._sets[key] = maps
        while len(self._sets) > _SETS_KEPT:
            del self._sets[next(iter(self._sets))]
        return maps

    def clear(self) -> None:
        """Forget all of them."""
        self._sets.clear()
