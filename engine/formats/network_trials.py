"""Trial construction of a configured network, in a reader process before the program builds it.

A few numbers in a config.json can ask for a million layers, and no list of dangerous settings would
be complete. So the network is first built without data in a process that may fail, run out of
memory or hang; the program builds it only after that succeeded. The trial reports the network's
size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import WeightsError
from engine.reader import client

_MEMORY = 1600 << 20
# Shared weights are stored and counted once; a few parameters may be computed rather than stored.
_MORE = 1.05
_FREE = 1_000_000
# See is_near.
_TIMES = 3
_SMALL = 16
_NOTHING_USUAL = 1024
_LONGEST_LIST = 64
_NAMES = ("id2label", "label2id")


class Trial:
    """A trial that runs in the background; reply() or drop() ends it."""

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
        """Wait for the trial and return its result.

        Raises WeightsError (one line) if it failed; Cancelled.
        """
        if self._reply is None:
            asked, self._asked = self._asked, None
            assert asked is not None
            self._reply = asked.result().reply
        return self._reply

    def check(self, elements: int) -> None:
        """Wait for the trial. elements: number of elements in the weights.

        Raises WeightsError (one line) if it failed, or if the network would be larger than its
        weights; Cancelled.
        """
        refuse_larger(self._name, int(self.reply()["elements"]), elements)

    def drop(self) -> None:
        """Cancel the trial unless it has ended."""
        if self._asked is not None:
            self._asked.drop()


def is_near(given: object, usual: object) -> bool:
    """Whether a configuration is so close to the default one that its network needs no trial.

    Every number must lie between a third and three times its default (for a list: of its defaults),
    or be small if there is no default; then the number of layers stays in the dozens, and memory
    grows by a factor of a few hundred at most. Class names are ignored: they are no longer than the
    file.
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
    """Raises WeightsError if a network of `wanted` parameters is larger than its weights."""
    if wanted > _MORE * elements + _FREE:
        raise WeightsError(
            f"{name}: its config.json describes a network of {wanted:,} parameters, but its "
            f"weights have {elements:,}; download the folder again"
        )
