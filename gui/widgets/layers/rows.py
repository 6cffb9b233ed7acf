"""The rows of the layer tree, and what each says in its cells and its tooltip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from engine.records.models import LayerNode, Layout
from gui.toolkit import plain_text

TITLES = ("Name", "Type", "Output", "Params", "Map")
LAYOUT_TITLES = {
    Layout.CHANNELS_FIRST: "Channels first (B C H W)",
    Layout.CHANNELS_LAST: "Channels last (B H W C)",
    Layout.TOKENS: "Tokens (B N C)",
}


class Column(IntEnum):
    """The columns of the tree."""

    NAME = 0
    TYPE = 1
    SHAPE = 2
    PARAMS = 3
    MAP = 4


@dataclass(slots=True, eq=False)
class Row:
    """One row: a module, or one call of a module that is called several times.

    address: the name used in engine requests, 'layer4.1' or 'layer4.1.relu#0'. children: those
    that pass the filter; all_children: all of them. place: position among its siblings.
    """

    node: LayerNode
    address: str
    label: str
    id: int
    parent: Row | None
    all_children: list[Row] = field(default_factory=list)
    children: list[Row] = field(default_factory=list)
    place: int = 0

    @property
    def is_call(self) -> bool:
        """Whether this row is one call of its module rather than the module."""
        return "#" in self.address

    def ancestors(self) -> Iterator[Row]:
        """The rows above, innermost first."""
        row = self.parent
        while row is not None:
            yield row
            row = row.parent


def cell_text(row: Row, column: Column) -> str:
    """The text of a cell."""
    if column == Column.NAME:
        return plain_text.line(row.label)
    if row.is_call:
        return ""
    if column == Column.TYPE:
        return plain_text.line(row.node.type)
    if column == Column.SHAPE:
        return shape_text(row.node.shape)
    return count_text(row.node.params) if column == Column.PARAMS else ""


def shape_text(shape: tuple[int, ...] | None) -> str:
    """(2048, 7, 7) as '2048 × 7 × 7'; '' for None."""
    return " × ".join(str(size) for size in shape) if shape else ""


def count_text(count: int) -> str:
    """2359296 as '2.4 M': two significant figures at least; '' for 0."""
    if count <= 0:
        return ""
    if count < 1000:
        return str(count)
    for limit, unit in ((1e6, "k"), (1e9, "M"), (1e12, "G")):
        value = count / (limit / 1000)
        if value < 999.5:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{count / 1e12:.1f} T"


def description(row: Row) -> str:
    """What is special about a row; '' for an ordinary one."""
    node = row.node
    if not node.explainable:
        return f"Cannot be explained: {plain_text.line(node.reason)}"
    if not node.default or row.is_call:
        return ""
    branch = f", one of {node.branches} branches" if node.branches > 1 else ""
    return f"Default layer{branch}"


def reading(node: LayerNode) -> str:
    """The layout of the output of a layer; '' if it is not spatial."""
    return LAYOUT_TITLES[node.layout] if node.layout is not None else ""


def tooltip(row: Row) -> str:
    """All facts about a row, one per line."""
    node = row.node
    kind = plain_text.line(node.type)
    lines = [plain_text.line(row.address), f"{kind}   {shape_text(node.shape)}".strip()]
    if node.params:
        lines.append(f"{node.params:,} parameters".replace(",", "\u202f"))
    if row.is_call:
        lines.append(f"Call {int(row.address.rpartition('#')[2]) + 1} of {node.calls}")
    elif node.calls > 1:
        lines.append(f"Called {node.calls} times; this row shows the last call")
    if node.layout is not None and node.grid is not None:
        rows, columns = node.grid
        lines.append(f"{reading(node)}, map of {rows} × {columns}")
    if node.output:
        lines.append(f"Explained output: {plain_text.line(node.output)}")
    if words := description(row):
        lines.append(words)
    return "\n".join(lines)
