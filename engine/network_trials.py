"""Whether a network can be made as a configuration says: tried in a reader process first.

A few numbers in a config.json can ask for a million layers, and no list of their names would be
complete. So the network is first made without data where that may fail, run out of memory or never
end; the program makes it again once it has. The trial gives the network's size.
"""

from __future__ import annotations

from typing import Any

from engine.errors import WeightsError
from engine.reader import client

_MEMORY = 1600 << 20
# Weights that are shared are in a file once, and counted once here; a little may be computed.
_MORE = 1.05
_FREE = 1_000_000


class Trial:
    """A trial that runs while the caller does something else; result() or drop() ends it."""

    def __init__(self, operation: str, name: str, facts: dict[str, Any]) -> None:
        self._name = name
        self._asked = client.begin(
            operation,
            WeightsError,
            name,
            memory=_MEMORY,
            role=client.NETWORKS,
            **facts,
        )

    def check(self, elements: int) -> None:
        """Wait for the trial. elements: how many numbers the weights hold.

        Raises WeightsError (one line) where it failed, or the network would be larger than its
        weights; Cancelled.
        """
        refuse_larger(self._name, int(self._asked.result().reply["elements"]), elements)

    def drop(self) -> None:
        self._asked.drop()


def refuse_larger(name: str, wanted: int, elements: int) -> None:
    """Raises WeightsError where a network of `wanted` numbers is larger than its weights."""
    if wanted > _MORE * elements + _FREE:
        raise WeightsError(
            f"{name}: its config.json describes a network of {wanted:,} numbers, but its weights "
            f"are {elements:,}; fetch the folder again"
        )
