"""Whether a network can be made as a configuration says: tried in a reader process first.

A few numbers in a config.json can ask for a million layers, and no list of their names would be
complete. So the network is first made without data where that may fail, run out of memory or never
end; the program makes it again once it has. The trial gives the network's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import WeightsError
from engine.reader import client

_MEMORY = 1600 << 20
# Weights that are shared are in a file once, and counted once here; a little may be computed.
_MORE = 1.05
_FREE = 1_000_000
# See is_near.
_TIMES = 3
_SMALL = 16
_NOTHING_USUAL = 1024
_LONGEST_LIST = 64
_NAMES = ("id2label", "label2id")


class Trial:
    """A trial that runs while the caller does something else; reply() or drop() ends it."""

    def __init__(self, operation: str, name: str, facts: dict[str, Any]) -> None:
        self._name = name
        self._reply: dict[str, Any] | None = None
        self._asked: client.Asked | None = client.begin(
            operation,
            WeightsError,
            name,
            memory=_MEMORY,
            role=client.NETWORKS,
            **facts,
        )

    def reply(self) -> dict[str, Any]:
        """Wait for the trial, and tell what it found.

        Raises WeightsError (one line) where it failed; Cancelled.
        """
        if self._reply is None:
            asked, self._asked = self._asked, None
            assert asked is not None
            self._reply = asked.result().reply
        return self._reply

    def check(self, elements: int) -> None:
        """Wait for the trial. elements: how many numbers the weights hold.

        Raises WeightsError (one line) where it failed, or the network would be larger than its
        weights; Cancelled.
        """
        refuse_larger(self._name, int(self.reply()["elements"]), elements)

    def drop(self) -> None:
        """Give it up, unless it has ended."""
        if self._asked is not None:
            self._asked.drop()


def is_near(given: object, usual: object) -> bool:
    """Whether a configuration is so near to a usual one that its network needs no trial.

    Every number is within a third and three times of what it usually is (a list's, of its numbers),
    or small where nothing is usual; then a network of some layers has some dozens, and its memory
    grows by a few hundred times that of a small part. Names of classes are left out: they are no
    longer than the file.
    """
    if isinstance(given, Mapping):
        known = usual if isinstance(usual, Mapping) else {}
        return all(is_near(given[key], known.get(key)) for key in given if key not in _NAMES)
    if isinstance(given, list | tuple):
        numbers = usual if isinstance(usual, list | tuple) else [usual]
        return len(given) <= _LONGEST_LIST and all(_within(each, numbers) for each in given)
    return _within(given, [usual])


def _within(given: object, usual: Sequence[object]) -> bool:
    if isinstance(given, Mapping | list | tuple):
        return is_near(given, usual[0] if usual else None)
    if not isinstance(given, int | float) or isinstance(given, bool):
        return True
    numbers = [n for n in usual if isinstance(n, int | float) and not isinstance(n, bool)]
    if abs(given) <= _SMALL and not any(n > _SMALL for n in numbers):
        return True
    if not numbers:
        return abs(given) <= _NOTHING_USUAL
    return min(numbers) / _TIMES <= given <= max(numbers) * _TIMES


def refuse_larger(name: str, wanted: int, elements: int) -> None:
    """Raises WeightsError where a network of `wanted` numbers is larger than its weights."""
    if wanted > _MORE * elements + _FREE:
        raise WeightsError(
            f"{name}: its config.json describes a network of {wanted:,} numbers, but its weights "
            f"are {elements:,}; download the folder again"
        )
