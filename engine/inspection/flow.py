"""Follows how the image's influence reaches the logits: which outputs pass it on to which.

The autograd graph of an observed pass is reduced to the modules' outputs. An output through which
every path from the input to the logits leads sees all that the network sees; a gate, or one of two
branches, does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from engine.passes.hooks import Call

LOGITS: Call = ("", -1)
"""Stands for the logits among the calls that an output leads to."""

# Functions whose output, multiplied by another value of the image, weighs that value.
_WEIGHTS = ("Sigmoid", "Hardsigmoid", "Softmax")
_PRODUCTS = ("Mul", "Bmm")
# Operations that spread or reshape a weight before it is multiplied.
_SPREADING = (
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Expand", "Permute"),
    *("Transpose", "T", "Alias", "Clone", "ToCopy", "Repeat", "Slice", "Select", "Div", "Add"),
    *("UpsampleNearest2D", "UpsampleBilinear2D", "UpsampleBicubic2D"),
)
_MOST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Flow:
    """How the outputs of one pass depend on each other.

    leads_to: for each output on a way from the image to the logits, the outputs that read it
    directly, with no other output between (LOGITS where none follows). entries: the outputs, or
    LOGITS, that the image reaches directly. gates: outputs that act only through a weight with
    which another value is multiplied. depth: for each output, the number of operations on the
    longest way from the image to it.
    """

    leads_to: dict[Call, frozenset[Call]]
    entries: frozenset[Call]
    gates: frozenset[Call]
    depth: dict[Call, int]

    def passed_by_all(self) -> tuple[Call, ...]:
        """The outputs on every way from the image to the logits, the first one first."""
        order = _in_order(self.leads_to)
        place = {call: index for index, call in enumerate(order)}
        place[LOGITS] = len(order)
        farthest = max((place[call] for call in self.entries), default=len(order))
        found = []
        for index, call in enumerate(order):
            # No way that began before this output may end behind it.
            if farthest <= index:
                found.append(call)
            farthest = max(farthest, *(place[reader] for reader in self.leads_to[call]))
        return tuple(found)

    def last_among(self, wanted: Collection[Call]) -> tuple[Call, ...]:
        """Those of the wanted outputs that reach the logits past no other wanted one."""
        ends: dict[Call, bool] = {LOGITS: True}
        for call in reversed(_in_order(self.leads_to)):
            open_ways = (r == LOGITS or (r not in wanted and ends[r]) for r in self.leads_to[call])
            ends[call] = any(open_ways)
        return tuple(call for call in self.leads_to if call in wanted and ends[call])


def _in_order(leads_to: dict[Call, frozenset[Call]]) -> list[Call]:
    """All outputs, each before those that read it."""
    waiting = dict.fromkeys(leads_to, 0)
    for readers in leads_to.values():
        for reader in readers - {LOGITS}:
            waiting[reader] += 1
    ready = [call for call, count in waiting.items() if count == 0]
    order = []
    while ready:
        call = ready.pop()
        order.append(call)
        for reader in leads_to[call] - {LOGITS}:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    return order


def flow_of(root: object, entry: object, outputs: dict[Call, object]) -> Flow:
    """The flow from the image to the logits.

    root: the autograd node of the logits. entry: that of the image. outputs: those of the modules'
    outputs; where several have the same node, the first call stands for all.
    """
    order = _between(root, entry)
    calls: dict[object, Call] = {}
    for call, node in outputs.items():
        calls.setdefault(node, call)
    bits = {call: 1 << index for index, call in enumerate([LOGITS, *outputs])}
    readers: dict[object, int] = {}
    through: dict[object, bool] = {root: True}
    weights = _weights(order)
    leads_to: dict[Call, int] = {}
    readers[root] = bits[LOGITS]
    for node in order:
        own = calls.get(node)
        if own is not None:
            leads_to[own] = readers[node]
        handed = bits[own] if own is not None else readers[node]
        plain = through[node] and node not in weights
        for parent in _parents(node):
            if parent in order:
                readers[parent] = readers.get(parent, 0) | handed
                through[parent] = through.get(parent, False) or plain
    by_bit = [LOGITS, *outputs]
    known = {call: frozenset(_members(mask, by_bit)) for call, mask in leads_to.items()}
    gates = {calls[node] for node in order if node in calls and not _counts(node, through, weights)}
    return Flow(
        leads_to=known,
        entries=frozenset(_members(readers.get(entry, 0), by_bit)),
        gates=frozenset(gates),
        depth=_depths(order, calls),
    )


def _counts(node: object, through: dict[object, bool], weights: Collection[object]) -> bool:
    return through[node] and node not in weights


def _between(root: object, entry: object) -> dict[object, None]:
    """The nodes on ways from the image to the logits, each after all that read it."""
    reached: dict[object, bool] = {entry: True}
    order: list[object] = []
    stack: list[tuple[object, Iterator[object]]] = []
    if root is not None and root is not entry:
        stack.append((root, iter(_parents(root))))
    # Depth first without recursion: a node is finished after everything before it.
    while stack:
        node, parents = stack[-1]
        parent = next(parents, None)
        if parent is None:
            stack.pop()
            reached[node] = any(reached.get(each, False) for each in _parents(node))
            if reached[node]:
                order.append(node)
        elif parent not in reached:
            reached[parent] = False
            stack.append((parent, iter(_parents(parent))))
    return dict.fromkeys([*reversed(order), entry])


def _depths(order: Collection[object], calls: dict[object, Call]) -> dict[Call, int]:
    """Operations on the longest way from the image; order: every node after those that read it."""
    depth: dict[object, int] = {}
    for node in reversed(list(order)):
        before = [depth[parent] for parent in _parents(node) if parent in depth]
        depth[node] = max(before, default=-1) + 1
    return {call: depth[node] for node, call in calls.items() if node in depth}


def _weights(order: Collection[object]) -> set[object]:
    """Nodes of functions such as a sigmoid whose output weighs another value of the image."""
    readers: dict[object, list[object]] = {}
    for node in order:
        for parent in _parents(node):
            if parent in order:
                readers.setdefault(parent, []).append(node)
    return {
        node
        for node in order
        if _name(node) in _WEIGHTS and _is_multiplied(node, readers, order, _MOST_STEPS)
    }


def _is_multiplied(
    node: object, readers: dict[object, list[object]], order: Collection[object], steps: int
) -> bool:
    for reader in readers.get(node, ()):
        name = _name(reader)
        if name in _PRODUCTS:
            if sum(parent in order for parent in _parents(reader)) > 1:
                return True
        elif name in _SPREADING and steps and _is_multiplied(reader, readers, order, steps - 1):
            return True
    return False


def _parents(node: Any) -> list[object]:
    return [parent for parent, _ in node.next_functions if parent is not None]


def _name(node: object) -> str:
    return type(node).__name__.partition("Backward")[0]


def _members(mask: int, calls: list[Call]) -> Iterator[Call]:
    while mask:
        lowest = mask & -mask
        yield calls[lowest.bit_length() - 1]
        mask ^= lowest
