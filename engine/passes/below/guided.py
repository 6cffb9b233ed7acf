"""Guided ReLUs: a backward pass that keeps only what is positive at every ReLU.

Works on the nodes of the autograd graph: whether a ReLU was a module, a function, in place or
spelled as a clamp, it has left one of a few nodes there, and nothing of the network is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_Mask = Callable[[Tensor], Tensor]


@contextmanager
def guided(root: Tensor) -> Iterator[int]:
    """Let only positive gradients through the ReLUs on which the tensor depends.

    At each of them, what comes back is g * [g > 0] * [x > 0] of the gradient g and the ReLU's input
    x (Springenberg et al. 2015, arXiv 1412.6806). Yields how many there are. ReLUs are relu, relu6
    and hardtanh, threshold, clamp and maximum, wherever they cut off at zero.
    """
    handles: list[Any] = []
    try:
        for node in _nodes(root):
            mask = _mask_of(node)
            if mask is not None:
                handles.append(node.register_prehook(_positive(mask)))
        yield len(handles)
    finally:
        for handle in handles:
            handle.remove()


def _positive(mask: _Mask) -> Callable[[tuple[Tensor | None, ...]], tuple[Tensor | None, ...]]:
    return lambda gradients: tuple(
        None if gradient is None else mask(gradient.clamp(min=0)) for gradient in gradients
    )


def _nodes(root: Tensor) -> Iterator[Any]:
    waiting, seen = [root.grad_fn], {root.grad_fn}
    while waiting:
        node: Any = waiting.pop()
        if node is None:
            continue
        yield node
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)


def _mask_of(node: Any) -> _Mask | None:
    """For a ReLU's node, what its own gradient lets through that a ReLU would not; else None."""
    kind = type(node).__name__.partition("Backward")[0]
    if kind == "Relu":
        return _same
    if kind == "Hardtanh":
        return _same if node._saved_min_val == 0 else None
    if kind == "Threshold":
        return _same if node._saved_threshold == 0 else None
    if kind == "LeakyRelu":
        return _same if node._saved_negative_slope == 0 else None
    if kind in ("Clamp", "ClampMin"):
        # The gradient of a clamp also passes where the input is exactly at the limit.
        return _where_positive(node) if _is_zero(node._saved_min) else None
    if kind == "Maximum" and _is_zero(node._saved_other):
        return _where_positive(node)
    return None


def _same(gradient: Tensor) -> Tensor:
    return gradient


def _where_positive(node: Any) -> _Mask:
    return lambda gradient: torch.where(node._saved_self > 0, gradient, 0)


def _is_zero(limit: object) -> bool:
    if isinstance(limit, Tensor):
        return not bool(limit.any())
    return limit == 0
