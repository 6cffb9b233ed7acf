"""Finds what a network averages over space and reads by one linear layer: where CAM is defined.

Followed in the autograd graph of an observed pass, where a pooling module and a mean over two axes
leave the same kind of node, and so do a linear layer, a matrix product and a 1 x 1 convolution.
"""

from __future__ import annotations

from typing import Any

from engine.inspection.spatial_axes import Axes
from engine.passes.heads import VIEWS
from engine.records.models import Layout

# Which of a node's parents is its input; the others are weight and bias.
_LINEAR = {"Addmm": 1, "Mm": 0, "Convolution": 0}
_SAME = ("Clone", "Alias", "ToCopy")
_MOST_STEPS = 16

Averaged = frozenset[int]
"""The axes over which a tensor is averaged."""


def averaged_before(root: Any) -> dict[object, Averaged]:
    """The autograd nodes whose output is averaged and then read by one linear layer.

    root: the node of the logits. Nothing but changes of shape may lie between; the two sides of a
    single score are one score. Several nodes are the same values in other orders of the axes. Empty
    for any other head.
    """
    node = _without_views(_one_side(root))
    name = _name(node)
    if name not in _LINEAR or not _is_plain(node):
        return {}
    node = node.next_functions[_LINEAR[name]][0]
    found: dict[object, Averaged] = {}
    averaged: Averaged = frozenset()
    rank = 0
    for _ in range(_MOST_STEPS):
        before = _before(node, averaged, rank)
        if before is None:
            break
        averaged, rank = before
        node = node.next_functions[0][0]
        if averaged:
            found[node] = averaged
    return found


def is_space(averaged: Averaged, axes: Axes | None) -> bool:
    """Whether these are all spatial axes of an output, and it has no tokens besides its cells."""
    if axes is None or axes.prefix:
        return False
    space = {Layout.CHANNELS_FIRST: {2, 3}, Layout.CHANNELS_LAST: {1, 2}, Layout.TOKENS: {1}}
    return averaged == space[axes.layout]


def _before(node: Any, averaged: Averaged, rank: int) -> tuple[Averaged, int] | None:
    """The averaged axes of the node's input and its rank, from its output's; None if it does more.

    A rank of 0 is one that is not known; nothing is averaged then.
    """
    name = _name(node)
    if name == "Mean":
        return _before_mean(node, averaged)
    if name == "AvgPool2D":
        return _before_pool(node, averaged)
    if name in ("View", "UnsafeView", "ReshapeAlias"):
        return _before_view(tuple(node._saved_self_sym_sizes), averaged)
    if name in _SAME or not averaged:
        same = name in (*_SAME, *VIEWS) or _is_restrided(node)
        return (averaged, rank) if same else None
    if name == "Permute":
        order = [_axis(axis, rank) for axis in node._saved_dims]
        return frozenset(order[axis] for axis in averaged), rank
    if name == "Transpose":
        one, other = _axis(node._saved_dim0, rank), _axis(node._saved_dim1, rank)
        swapped = {one: other, other: one}
        return frozenset(swapped.get(axis, axis) for axis in averaged), rank
    if name == "Unsqueeze":
        new = _axis(node._saved_dim, rank)
        return frozenset(axis - (axis > new) for axis in averaged if axis != new), rank - 1
    return None


def _is_restrided(node: Any) -> bool:
    """Pooling of channels-last memory says of its output, of one cell, that it is as well."""
    return _name(node) == "AsStrided" and _name(node.next_functions[0][0]) == "Mean"


def _before_mean(node: Any, averaged: Averaged) -> tuple[Averaged, int]:
    rank = len(node._saved_self_sym_sizes)
    own = {_axis(axis, rank) for axis in node._saved_dim}
    if node._saved_keepdim:
        return averaged | own, rank
    left = [axis for axis in range(rank) if axis not in own]
    return frozenset({left[axis] for axis in averaged} | own), rank


def _before_pool(node: Any, averaged: Averaged) -> tuple[Averaged, int] | None:
    """Of average pooling whose window is the whole."""
    size = tuple(node._saved_self.shape)
    whole = tuple(node._saved_kernel_size) == size[-2:] and not any(node._saved_padding)
    if not whole or node._saved_divisor_override is not None:
        return None
    return averaged | {len(size) - 2, len(size) - 1}, len(size)


def _before_view(size: tuple[int, ...], averaged: Averaged) -> tuple[Averaged, int] | None:
    """Of a tensor (1, C, h, w) that is read as (1, C, h * w), or (1, h, w, C) as (1, h * w, C)."""
    if not averaged:
        return averaged, len(size)
    if len(size) != 4 or len(averaged) != 1 or size[0] != 1:
        return None
    (axis,) = averaged
    return (frozenset({axis, axis + 1}), 4) if axis in (1, 2) else None


def _axis(axis: int, rank: int) -> int:
    """Autograd keeps -1 as the largest number of 64 bits."""
    return (axis - 2**64 if axis >= 2**63 else axis) % rank


def _is_plain(node: Any) -> bool:
    if _name(node) != "Convolution":
        return True
    kernel = tuple(node._saved_weight.shape[2:])
    return not node._saved_transposed and node._saved_groups == 1 and set(kernel) == {1}


def _one_side(node: Any) -> Any:
    """A single score is given two sides, the negative and itself."""
    if _name(node) == "Cat" and _name(node.next_functions[0][0]) == "Neg":
        return node.next_functions[1][0]
    return node


def _without_views(node: Any) -> Any:
    while _name(node) in VIEWS:
        node = node.next_functions[0][0]
    return node


def _name(node: object) -> str:
    return type(node).__name__.partition("Backward")[0]
