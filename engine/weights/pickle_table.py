"""The table of plain values that pickles are read into.

The table is a list of nodes. A value is None, a bool, an int, a float, a short str, or [i] for the
i-th node. Nodes precede the nodes that refer to them, except for values added later to a list, a
dict or an object's state; so values may be shared, and may contain themselves:

    ["str", text]  ["bytes", base64]  ["complex", real, imaginary]
    ["list", values]  ["tuple", values]  ["set", values]  ["frozenset", values]
    ["dict", [key, value, key, value, ...]]
    ["named", "module.name"]
    ["described", kind, arguments, keywords, state, items, [key, value, ...]]
    ["storage", dtype, key, elements]
    ["tensor", dtype, key, offset, shape, stride]     offset and stride in elements
"""

from __future__ import annotations

from typing import Any

_MOST_VALUES = 12_000_000


class UnpicklingFault(ValueError):
    """The pickle is damaged, or has content that no saved network has; the message says what."""


class Table:
    """The nodes that pickles are read into.

    names: the callables they request beyond tensors and plain values, as 'module.name', in order of
    appearance. storages: dtype and number of elements of each storage, by key.
    """

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self.names: dict[str, None] = {}
        self.storages: dict[str, tuple[str, int]] = {}
        self._values = 0

    def add(self, *node: Any) -> list[int]:
        """Add a node; returns a reference to it."""
        self.count(1)
        self.nodes.append(list(node))
        return [len(self.nodes) - 1]

    def count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise UnpicklingFault(f"contains more than {_MOST_VALUES:,} values")

    def node(self, value: Any, *kinds: str) -> list[Any] | None:
        """The node that a value refers to, if it is of one of these kinds."""
        if not isinstance(value, list):
            return None
        node = self.nodes[value[0]]
        return node if node[0] in kinds else None

    def items(self, value: Any) -> list[Any] | None:
        """The values in a tuple or list; None for anything else."""
        node = self.node(value, "tuple", "list")
        return None if node is None else node[1]

    def text(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        node = self.node(value, "str")
        return None if node is None else str(node[1])

    def name(self, value: Any) -> str | None:
        node = self.node(value, "named")
        return None if node is None else str(node[1])
