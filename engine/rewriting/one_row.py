"""Large linear layers that get one row: their gradient reads only the weights that it needs.

The gradient with respect to the input is the sum of the weight's rows, each times the gradient of
its output. After a ReLU about half of these are zero, at the logits all but one; and torch's
product of one row and a matrix takes more than twice the time of reading the matrix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Weights below so many numbers stay in a processor's cache.
_LARGE = 1 << 20


def is_large(layer: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Whether it is a linear layer that is worth it, for what it reads."""
    if type(layer) is not nn.Linear or layer.weight.dtype != torch.float32:
        return False
    large: bool = layer.weight.numel() >= _LARGE
    return large and _is_one_row(input_shape)


class OneRow(nn.Module):
    """The layer, with the same output and another way to its gradient."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.training = False
        self._layers = (layer,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_layers"][0], name)

    def forward(self, x: Tensor) -> Tensor:
        layer: nn.Linear = self.__dict__["_layers"][0]
        if not x.requires_grad or not _is_one_row(tuple(x.shape)):
            result: Tensor = layer(x)
            return result
        return _apply(x, layer.weight, layer.bias)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (weight,) = ctx.saved_tensors
        (gradient,) = gradients
        if torch.is_grad_enabled():
            # A second derivative is asked for.
            return gradient @ weight, None, None
        return _rows(gradient.flatten(), weight).view(*gradient.shape[:-1], -1), None, None


def _apply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = _Product.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result


def _rows(factors: Tensor, weight: Tensor) -> Tensor:
    """Sum over i of factors[i] weight[i]: (columns,)."""
    used = factors.nonzero()[:, 0]
    # One bag for each thread.
    bags = torch.get_num_threads()
    starts = torch.arange(bags) * len(used) // bags
    summed = functional.embedding_bag(
        used, weight, starts, mode="sum", per_sample_weights=factors[used]
    )
    return summed.sum(dim=0)


def _is_one_row(shape: tuple[int, ...]) -> bool:
    return len(shape) > 0 and all(size == 1 for size in shape[:-1])
