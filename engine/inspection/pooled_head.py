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
    node = _without_views(node.next_functions[_LINEAR[name]][0])
    found: dict[object, Averaged] = {}
    averaged: Averaged = frozenset()
    for _ in range(_MOST_STEPS):
        before = _before(node, averaged)
        if before is None:
            break
        averaged = before
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


def _before(node: Any, averaged: Averaged) -> Averaged | None:
    """The averaged axes of the node's input, from those of its output; None if it does more."""
    name = _name(node)
    if name in _SAME:
        return averaged
    if name == "Mean":
        return _before_mean(node, averaged)
    if name == "AvgPool2D":
        size = tuple(node._saved_self.shape)
        whole = tuple(node._saved_kernel_size) == size[-2:] and not any(node._saved_padding)
        rows = len(size) - 2
        plain = whole and node._saved_divisor_override is None
        return averaged | {rows, rows + 1} if plain else None
    if name == "Permute":
        order = [axis % len(node._saved_dims) for axis in map(_signed, node._saved_dims)]
        return frozenset(order[axis] for axis in averaged)
    if name in ("View", "UnsafeView", "ReshapeAlias"):
        return _before_view(tuple(node._saved_self_sym_sizes), averaged)
    return None


def _before_mean(node: Any, averaged: Averaged) -> Averaged:
    axes = len(node._saved_self_sym_sizes)
    own = {axis % axes for axis in map(_signed, node._saved_dim)}
    if node._saved_keepdim:
        return averaged | own
    left = [axis for axis in range(axes) if axis not in own]
    return frozenset({left[axis] for axis in averaged} | own)


def _before_view(size: tuple[int, ...], averaged: Averaged) -> Averaged | None:
    """Of a tensor (1, C, h, w) that is read as (1, C, h * w), or (1, h, w, C) as (1, h * w, C)."""
    if not averaged:
        return averaged
    if len(size) != 4 or len(averaged) != 1 or size[0] != 1:
        return None
    (axis,) = averaged
    return frozenset({axis, axis + 1}) if axis in (1, 2) else None


def _signed(axis: int) -> int:
    """Autograd keeps -1 as the largest number of 64 bits."""
    return axis - 2**64 if axis >= 2**63 else axis


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
