"""Layers that compute their gradient by weights in the order that oneDNN computes in.

torch reorders a layer's weights in each backward pass, which takes longer than computing where
there are many weights and few cells. Here they are reordered once, transposed: the gradient of a
convolution with respect to its input is a convolution with the transposed kernel.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn

from engine.rewriting.other_gradient import OtherGradient

_log = logging.getLogger(__name__)

# It pays for layers with so many weights for each number that they read or write; measured, two
# cores, torch 2.13.
_CONVOLUTION, _LINEAR = 2.0, 1.0
# Below so many weights, an operation in Python takes as long as it spares.
_LEAST = 1 << 18
_CLOSE = 1e-5


def pays(layer: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Whether it is worth it for a plain layer (plan.is_plain), for what it reads."""
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.numel() < _LEAST:
        return False
    if type(layer) is nn.Linear:
        rows = math.prod(input_shape[:-1])
        through = rows * (layer.in_features + layer.out_features)
        return rows > 1 and weight.numel() >= _LINEAR * through
    if type(layer) is not nn.Conv2d or layer.groups != 1 or len(input_shape) != 4:
        return False
    if _padding(layer, input_shape) is None:
        return False
    cells = math.prod(_output_size(layer, input_shape))
    through = input_shape[0] * layer.out_channels * cells + math.prod(input_shape)
    return weight.numel() >= _CONVOLUTION * through


class PackedGradient(OtherGradient):
    """A convolution or linear layer that mostly reads tensors of one shape."""

    def __init__(self, layer: nn.Module, input_shape: tuple[int, ...]) -> None:
        super().__init__(layer)
        self._input_shape = input_shape
        self._weight: Tensor | None = None
        self._checked = self._refused = False

    @property
    def bytes(self) -> int:
        """Memory that it takes beside the layer's own, once it was used."""
        return int(self.layer.weight.numel()) * 4

    def suits(self, x: Tensor) -> bool:
        alike = x.dtype == torch.float32 and tuple(x.shape) == self._input_shape
        return alike and not self._refused

    def own(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        layer = self.layer
        if isinstance(layer, nn.Linear):
            return gradient @ layer.weight
        found: Tensor = torch.ops.aten.convolution_backward(
            gradient,
            # Only its shape is read.
            gradient.new_empty(1).expand(shape),
            layer.weight,
            None,
            layer.stride,
            layer.padding,
            layer.dilation,
            False,
            (0, 0),
            layer.groups,
            (True, False, False),
        )[0]
        return found

    def other(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        if self._refused:
            return self.own(gradient, shape)
        found = (
            self._linear(gradient) if isinstance(self.layer, nn.Linear) else self._conv(gradient)
        )
        if self._checked:
            return found
        own = self.own(gradient, shape)
        # Nothing can be told from a gradient of zeros.
        if bool(own.any()):
            self._check(found, own)
        return own

    def _check(self, found: Tensor, own: Tensor) -> None:
        by, peak = float((found - own).abs().max()), float(own.abs().max())
        self._checked = True
        # Not a number is not close, either.
        if not by <= _CLOSE * peak:
            _log.info("a layer's gradient is torch's own: it differs by %.0e", by / peak)
            self._refused, self._weight = True, None

    def _linear(self, gradient: Tensor) -> Tensor:
        if self._weight is None:
            rows = math.prod(self._input_shape[:-1])
            weight = self.layer.weight.detach().t().contiguous()
            self._weight = _ops()._reorder_linear_weight(weight, rows)
        result: Tensor = _ops()._linear_pointwise(gradient, self._weight, None, "none", [], "")
        return result

    def _conv(self, gradient: Tensor) -> Tensor:
        layer: nn.Conv2d = self.layer
        padding = _padding(layer, self._input_shape)
        straight = layer.stride == (1, 1)
        ordered = gradient.contiguous(memory_format=torch.channels_last)
        if straight:
            how: tuple[Any, ...] = (padding, (1, 1), layer.dilation, 1)
            run = _ops()._convolution_pointwise
        else:
            how = (layer.padding, padding, layer.stride, layer.dilation, 1)
            run = _ops()._convolution_transpose_pointwise
        if self._weight is None:
            self._weight = _ordered(layer.weight.detach(), straight, how, tuple(ordered.shape))
        result: Tensor = run(ordered, self._weight, None, *how, "none", [], "")
        return result.contiguous()


def _ordered(
    weight: Tensor, straight: bool, how: tuple[Any, ...], shape: tuple[int, ...]
) -> Tensor:
    """A kernel in the order in which the gradient of such a shape is computed."""
    make = _ops()._reorder_convolution_transpose_weight
    if straight:
        make, weight = _ops()._reorder_convolution_weight, weight.transpose(0, 1).flip(2, 3)
    made: Tensor = make(weight.contiguous(memory_format=torch.channels_last), *how, shape)
    return made


def _output_size(layer: nn.Conv2d, input_shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = (
        (input_shape[2 + axis] + 2 * _both(layer.padding)[axis] - _reach(layer)[axis])
        // layer.stride[axis]
        + 1
        for axis in (0, 1)
    )
    return height, width


def _padding(layer: nn.Conv2d, input_shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Of the convolution that gives the gradient: around its input where the stride is 1, at the
    end of its output elsewhere. None where there is no such convolution."""
    padding, reach = _both(layer.padding), _reach(layer)
    if layer.stride == (1, 1):
        around = reach[0] - 1 - padding[0], reach[1] - 1 - padding[1]
        return around if min(around) >= 0 else None
    size = _output_size(layer, input_shape)
    height, width = (
        input_shape[2 + axis]
        - ((size[axis] - 1) * layer.stride[axis] - 2 * padding[axis] + reach[axis])
        for axis in (0, 1)
    )
    return height, width


def _reach(layer: nn.Conv2d) -> tuple[int, int]:
    """How many rows and columns the kernel spans."""
    (down, right), (high, wide) = layer.dilation, layer.kernel_size
    return down * (high - 1) + 1, right * (wide - 1) + 1


def _both(padding: str | tuple[int, ...]) -> tuple[int, int]:
    """The padding in numbers; plain layers have no other (plan.is_plain)."""
    assert not isinstance(padding, str)
    return padding[0], padding[1]


def _ops() -> Any:
    return torch.ops.mkldnn
