"""Builds the user's network without data, so that its shapes can be compared with weights.

A file may have forty factories, of networks of up to gigabytes: without data each takes some
hundredths of a second and no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

Shapes = dict[str, tuple[int, ...] | None]
"""Shapes by key of the state dict; None where the first pass would decide (lazy modules)."""

# Not linspace, arange or tensor: constructors read numbers from those, such as drop path rates.
_LARGE: frozenset[object] = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
)

_COUNTER = "num_batches_tracked"
"""Counts the batches of training; a network in eval mode never reads it."""


class WithoutData(TorchFunctionMode):
    """Creates the large tensors of a constructor on the meta device, unless it names another."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in _LARGE and given.get("device") is None and given.get("out") is None:
            given["device"] = "meta"
        return func(*args, **given)


def shapes_of(network: nn.Module) -> Shapes:
    """The shapes of a network's state dict, without the counters of its normalisation layers."""
    state = network.state_dict(keep_vars=True)
    return {
        key: None if is_lazy(tensor) else tuple(tensor.shape)
        for key, tensor in state.items()
        if isinstance(tensor, Tensor) and not key.endswith(_COUNTER)
    }


def shapes_in(state: Mapping[str, Tensor]) -> Shapes:
    """The same of the tensors in a weights file."""
    return {k: tuple(tensor.shape) for k, tensor in state.items() if not k.endswith(_COUNTER)}


def distance(own: Shapes, given: Shapes) -> int:
    """Number of keys that only one of them has, or that differ in shape; 0 if they match."""
    shared = own.keys() & given.keys()
    differing = sum(own[key] is not None and own[key] != given[key] for key in shared)
    return len(own.keys() ^ given.keys()) + differing


def completed(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict with the network's own counters where it has none."""
    own = network.state_dict(keep_vars=True)
    added = {k: own[k].detach() for k in own if k.endswith(_COUNTER) and k not in state}
    return {**state, **added}
