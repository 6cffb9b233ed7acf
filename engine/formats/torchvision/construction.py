"""Constructs torchvision's classifiers without values that would only be replaced."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.lazy import torchvision

# nn.init functions reach the mode themselves; the calls inside them do not.
_RANDOM_INITS = (
    *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_),
)


class WithoutRandomValues(TorchFunctionMode):
    """Skips random initialisation, which would be wasted on parameters that are then overwritten.

    Tensor.normal_ fills with its mean instead, since nn.init.trunc_normal_ draws until every value
    is within bounds, which uninitialised memory might never be.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _RANDOM_INITS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if func is Tensor.normal_:
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("mean", 0.0))
        if func is Tensor.uniform_:
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("from", 0.0))
        return func(*args, **kwargs)


class _WithoutMemory(TorchFunctionMode):
    """Creates new parameters on the meta device. Buffers with values are created as usual."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


def construct(name: str, options: dict[str, Any]) -> nn.Module:
    """The classifier `name`, with uninitialised parameters."""
    with WithoutRandomValues():
        module: nn.Module = torchvision.load().models.get_model(name, weights=None, **options)
    return module


def outline(name: str, options: dict[str, Any]) -> nn.Module:
    """The classifier `name` with most of its parameters on the meta device, to be filled."""
    with _WithoutMemory():
        return construct(name, options)
