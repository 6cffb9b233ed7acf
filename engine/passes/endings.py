"""The softmax or sigmoid in which a network ends: which one, and what came before it."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.passes.heads import VIEWS

# Functions that a network may end in, and their names for display.
_ENDS: dict[Any, str] = {
    **dict.fromkeys(
        (torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax), "softmax"
    ),
    **dict.fromkeys(
        (
            *(torch.log_softmax, Tensor.log_softmax, functional.log_softmax),
            torch.special.log_softmax,
        ),
        "log_softmax",
    ),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, torch.special.expit), "sigmoid"),
    **dict.fromkeys((torch.sigmoid_, Tensor.sigmoid_, torch.ops.aten.sigmoid_), "sigmoid"),
    # As they appear in exported programs.
    **dict.fromkeys((torch.ops.aten.softmax, torch.ops.aten._softmax), "softmax"),
    **dict.fromkeys((torch.ops.aten.log_softmax, torch.ops.aten._log_softmax), "log_softmax"),
    torch.ops.aten.sigmoid: "sigmoid",
}
_IN_PLACE = (torch.sigmoid_, Tensor.sigmoid_, torch.ops.aten.sigmoid_)
_NODES = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
_REMEMBERED = 8


class Endings(TorchFunctionMode):
    """Remembers the last calls of softmax, log_softmax and sigmoid with input and output."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: deque[tuple[str, Tensor, Tensor, object, int]] = deque(maxlen=_REMEMBERED)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        family = getattr(func, "overloadpacket", func)
        kind = _ENDS.get(family)
        if kind is None:
            return func(*args, **(kwargs or {}))
        given = args[0] if args else (kwargs or {}).get("input")
        if family in _IN_PLACE and isinstance(given, Tensor):
            given = given.clone()
        made = func(*args, **(kwargs or {}))
        if isinstance(given, Tensor) and isinstance(made, Tensor):
            self._seen.append((kind, given, made, made.grad_fn, made._version))
        return made

    def before(self, tensor: Tensor, kind: str) -> Tensor | None:
        """The input of the call of that kind that produced the tensor's values, or None."""
        node, _ = maker(tensor)
        for known, given, made, made_by, version in reversed(self._seen):
            if known != kind or given.numel() != tensor.numel():
                continue
            same = made_by is node if node is not None else _same_numbers(tensor, made, version)
            if same:
                return given
        return None


def maker(tensor: Tensor) -> tuple[Any, str]:
    """The autograd node of the softmax or sigmoid that produced the tensor, and its kind; (None,
    '') if there is none. Operations that only change the shape are skipped."""
    node: Any = tensor.grad_fn
    while node is not None:
        name = type(node).__name__.partition("Backward")[0]
        if name in _NODES:
            return node, _NODES[name]
        if name not in VIEWS:
            return None, ""
        node = node.next_functions[0][0]
    return None, ""


def _same_numbers(tensor: Tensor, made: Tensor, version: int) -> bool:
    """For tensors without a graph: whether one is the other or a view of it, unchanged."""
    if made._version != version:
        return False
    own = tensor._base if tensor._base is not None else tensor
    return own is made or own is made._base


def computed_back(tensor: Tensor, kind: str) -> Tensor:
    """Scores with these probabilities; for a softmax, those whose exponentials sum to 1."""
    values = tensor.float()
    if kind == "softmax":
        return values.clamp_min(torch.finfo(values.dtype).tiny).log()
    if kind == "sigmoid":
        return torch.logit(values, eps=torch.finfo(values.dtype).eps)
    return values
