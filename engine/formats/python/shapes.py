"""Builds the user's network without data, so that its shapes can be compared with weights.

A file may have forty factories, of networks of up to gigabytes: without data each takes some
hundredths of a second and no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

Shapes = dict[str, tuple[int, ...] | None]
"""Shapes by key of the state dict; None where the first pass would decide (lazy modules)."""

# Not linspace, arange or tensor: constructors read numbers from those, such as drop path rates.
_LARGE: frozenset[object] = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
)

# Initialisations write values, which tensors without data do not have; left alone, torch takes up
# to a millisecond for each.
_FILLING = frozenset(
    {"normal_", "uniform_", "clamp_", "mul_", "add_", "sub_", "div_", "erfinv_", "fill_", "zero_"}
    | {"copy_", "exponential_", "log_normal_", "bernoulli_", "clip_"}
)

COUNTER = "num_batches_tracked"
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
        fills = getattr(func, "__name__", "") in _FILLING
        if fills and args and isinstance(args[0], Tensor) and args[0].is_meta:
            return args[0]
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
        if isinstance(tensor, Tensor) and not key.endswith(COUNTER)
    }


def shapes_in(state: Mapping[str, Tensor]) -> Shapes:
    """The same of the tensors in a weights file."""
    return {k: tuple(tensor.shape) for k, tensor in state.items() if not k.endswith(COUNTER)}


def distance(own: Shapes, given: Shapes) -> int:
    """Number of keys that only one of them has, or that differ in shape; 0 if they match."""
    shared = own.keys() & given.keys()
    differing = sum(own[key] is not None and own[key] != given[key] for key in shared)
    return len(own.keys() ^ given.keys()) + differing


def completed(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict with the network's own counters where it has none."""
    own = network.state_dict(keep_vars=True)
    added = {k: own[k].detach() for k in own if k.endswith(COUNTER) and k not in state}
    return {**state, **added}


def finish_lazy_modules(network: nn.Module) -> None:
    """Make the lazy modules of a network what their first pass would have made of them, once the
    weights have given them their shapes."""
    for part in network.modules():
        if isinstance(part, LazyModuleMixin) and not part.has_uninitialized_params():
            _settle(part)


def _settle(part: Any) -> None:
    """What LazyModuleMixin._infer_parameters does, without an input."""
    if isinstance(part, nn.LazyLinear):
        part.in_features = int(part.weight.shape[1])
    elif isinstance(part, nn.modules.conv._ConvNd):
        groups = 1 if part.transposed else part.groups
        part.in_channels = int(part.weight.shape[0 if part.transposed else 1]) * groups
    elif hasattr(part, "num_features"):
        known = part.weight if part.weight is not None else part.running_mean
        part.num_features = int(known.shape[0])
    part._initialize_hook.remove()
    part._load_hook.remove()
    del part._initialize_hook, part._load_hook
    if part.cls_to_become is not None:
        part.__class__ = part.cls_to_become
