"""Tells a network's heads apart: which of several outputs are scores, and which an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Operations that keep the values, by autograd's names.
VIEWS = (
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Alias", "Clone", "ToCopy"),
    *("Permute", "Transpose", "T", "Select", "Slice", "Expand", "Split", "SplitWithSizes"),
)
_ACTIVATIONS = ("Softmax", "LogSoftmax", "Sigmoid")
_LINEAR = ("Addmm", "Mm", "Bmm", "Convolution", "Linear", "Addmv", "Mv", "Dot")
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Neg")
_NORMS = ("LinalgVectorNorm", "Norm")
# Between a vector and its norm, and between the norm and the division.
_TO_A_NORM = ("ClampMin", "Clamp", "Maximum", "Add", "Sqrt", "Rsqrt", "Reciprocal", "Sum", *VIEWS)
_MOST_STEPS = 12


def widest_head(fitting: Mapping[str, Tensor]) -> tuple[str, tuple[str, ...]]:
    """The place of the head to explain, and of all outputs that could be it.

    fitting: at least one output, by its place, with the autograd graph. Left out, if others remain,
    are vectors of unit length and those from which a layer computes another output (features beside
    the logits). Of what remains, it is the first, or the widest that comes from a layer.
    """
    places = [place for place in fitting if not is_unit_norm(fitting[place])] or list(fitting)
    layers = {place: _layer_of(fitting[place]) for place in places}
    before: set[object] = set().union(*map(_nodes_before, layers.values()))
    places = [place for place in places if fitting[place].grad_fn not in before] or places
    of_heads = tuple(place for place in places if place == places[0] or layers[place] is not None)
    return max(of_heads, key=lambda place: fitting[place].numel()), of_heads


def is_unit_norm(tensor: Tensor) -> bool:
    """Whether the tensor was divided by its own length, from its autograd graph."""
    node = _without_views(tensor.grad_fn)
    if _name(node) not in ("Div", "Mul"):
        return False
    parents = _parents(node)
    if len(parents) != 2:
        return False
    wholes = [_without_views(parent) for parent in parents]
    return any(
        _is_norm_of(parents[1 - index], whole) for index, whole in enumerate(wholes) if whole
    )


def _is_norm_of(node: Any, whole: object) -> bool:
    """Whether the node leads to the length of the vector that the other node returns."""
    for _ in range(_MOST_STEPS):
        name = _name(node)
        parents = _parents(node)
        if name in _NORMS:
            return _without_views(parents[0]) is whole
        if name in ("Pow", "Mul") and parents:
            return all(_without_views(parent) is whole for parent in parents)
        if name not in _TO_A_NORM or len(parents) != 1:
            return False
        node = parents[0]
    return False


def _layer_of(tensor: Tensor) -> object:
    """The layer with weights that made it, apart from bias, scaling and a final activation."""
    node: Any = tensor.grad_fn
    for _ in range(_MOST_STEPS):
        name = _name(node)
        if name in _LINEAR:
            return node
        parents = _parents(node)
        if name not in (*VIEWS, *_ACTIVATIONS, *_ARITHMETIC) or len(parents) != 1:
            return None
        node = parents[0]
    return None


def _nodes_before(root: object) -> set[object]:
    found: set[object] = set()
    open_nodes = _parents(root)
    while open_nodes:
        node = open_nodes.pop()
        if node not in found:
            found.add(node)
            open_nodes += _parents(node)
    return found


def _without_views(node: Any) -> Any:
    while _name(node) in VIEWS:
        node = _parents(node)[0]
    return node


def _parents(node: Any) -> list[Any]:
    """The nodes before one that lead to the image or to a parameter."""
    return [] if node is None else [before for before, _ in node.next_functions if before]


def _name(node: object) -> str:
    return type(node).__name__.partition("Backward")[0]
