"""Layers whose weights lie in the order that oneDNN computes in, with what follows them built in.

torch reorders a layer's weights in each call; here they are reordered once. The operations are
those that torch's own compiler uses on the CPU (torch._inductor.fx_passes.mkldnn_fusion).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from engine.rewriting.plan import ACTIVATIONS


def available() -> bool:
    """Whether this torch has the operations."""
    names = ("_convolution_pointwise", "_reorder_convolution_weight", "_linear_pointwise")
    operations: Any = torch.ops.mkldnn
    built: Any = torch.backends.mkldnn
    return built.is_available() and all(hasattr(operations, n) for n in names)


class Packed(nn.Module):
    """A convolution or linear layer and the modules that follow it, as one operation.

    It has no gradient. Attributes that it lacks are those of the layer, so that code that reads a
    layer's weight still finds it.
    """

    def __init__(
        self, layer: nn.Module, followers: Sequence[nn.Module], input_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.training = False
        self._parts = (layer, *followers)
        self._input_shape = input_shape
        self._made: weakref.ref[Tensor] | None = None
        self._attributes = _attributes(followers)
        self._weight, self._bias = self._prepared(layer, followers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_parts"][0], name)

    @property
    def bytes(self) -> int:
        """Memory that it takes beside the layer's own."""
        return int(self.weight.numel()) * 4

    def made(self, tensor: Tensor) -> bool:
        """Whether it returned this tensor in its last call."""
        return self._made is not None and self._made() is tensor

    def forward(self, x: Tensor) -> Tensor:
        result = self._computed(x)
        self._made = weakref.ref(result)
        return result

    def _prepared(
        self, layer: nn.Module, followers: Sequence[nn.Module]
    ) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError

    def _computed(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PackedConvolution(Packed):
    """A convolution. Input and output (n, channels, h, w) in channels-last memory format."""

    def _prepared(
        self, layer: nn.Module, followers: Sequence[nn.Module]
    ) -> tuple[Tensor, Tensor | None]:
        assert isinstance(layer, nn.Conv2d)
        weight, bias = layer.weight.detach(), layer.bias
        norm = followers[0] if followers and isinstance(followers[0], nn.BatchNorm2d) else None
        if norm is not None:
            weight, bias = _folded(layer, norm)
        self._how = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return _ops()._reorder_convolution_weight(
            weight.contiguous(memory_format=torch.channels_last), *self._how, self._input_shape
        ), bias.detach() if bias is not None else None

    def _computed(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        result: Tensor = _ops()._convolution_pointwise(
            x, self._weight, self._bias, *self._how, *self._attributes
        )
        return result


class PackedLinear(Packed):
    """A linear layer. Input (..., features)."""

    def _prepared(
        self, layer: nn.Module, followers: Sequence[nn.Module]
    ) -> tuple[Tensor, Tensor | None]:
        assert isinstance(layer, nn.Linear)
        del followers
        rows = math.prod(self._input_shape[:-1])
        weight = _ops()._reorder_linear_weight(layer.weight.detach(), rows)
        return weight, layer.bias.detach() if layer.bias is not None else None

    def _computed(self, x: Tensor) -> Tensor:
        result: Tensor = _ops()._linear_pointwise(x, self._weight, self._bias, *self._attributes)
        return result


class Absorbed(nn.Module):
    """In place of a module that is part of the packed layer before it.

    It passes that layer's output on. Anything else goes through the module itself: the network has
    other ways to reach a layer than its name.
    """

    def __init__(self, module: nn.Module, layer: Packed) -> None:
        super().__init__()
        self.training = False
        self._parts = (module, layer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_parts"][0], name)

    def forward(self, x: Tensor) -> Tensor:
        module, layer = self._parts
        assert isinstance(layer, Packed)
        if layer.made(x):
            return x
        result: Tensor = module(x)
        return result


def packed(
    layer: nn.Module, followers: Sequence[nn.Module], input_shape: tuple[int, ...]
) -> Packed:
    """The layer with its followers (batch norm, activation) built in, for inputs of that shape.

    Other shapes give the same numbers, more slowly.
    """
    kind = PackedLinear if isinstance(layer, nn.Linear) else PackedConvolution
    return kind(layer, followers, input_shape)


def _folded(layer: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias with the batch norm in them, computed in float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None

    def wide(tensor: Tensor | None) -> Any:
        return tensor.detach().double() if tensor is not None else None

    numbers = (layer.weight, layer.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = map(wide, numbers)
    made = fuse_conv_bn_weights(
        weight, bias, mean, variance, norm.eps, wide(norm.weight), wide(norm.bias)
    )
    return made[0].detach().float(), made[1].detach().float()


def _attributes(followers: Sequence[nn.Module]) -> tuple[str, list[float], str]:
    """The activation in oneDNN's terms: name, numbers, algorithm."""
    last = followers[-1] if followers else None
    name = ACTIVATIONS.get(type(last), "none") if last is not None else "none"
    if isinstance(last, nn.ReLU6):
        return name, [0.0, 6.0], ""
    return name, [], str(last.approximate) if isinstance(last, nn.GELU) else ""


def _ops() -> Any:
    return torch.ops.mkldnn
