"""Large linear layers that get one row: their gradient reads only the weights that it needs.

The gradient with respect to the input is the sum of the weight's rows, each times the gradient of
its output. After a ReLU about half of these are zero, at the logits all but one; and torch's
product of one row and a matrix takes more than twice the time of reading the matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.rewriting.other_gradient import OtherGradient

# Weights below so many numbers stay in a processor's cache.
_LARGE = 1 << 20


def is_large(layer: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Whether it is a linear layer that is worth it, for what it reads."""
    if type(layer) is not nn.Linear or layer.weight.dtype != torch.float32:
        return False
    large: bool = layer.weight.numel() >= _LARGE
    return large and _is_one_row(input_shape)


class OneRow(OtherGradient):
    """A linear layer that mostly gets one row, (..., features) with 1 for all but the last."""

    def suits(self, x: Tensor) -> bool:
        return _is_one_row(tuple(x.shape))

    def own(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        weight: Tensor = self.layer.weight
        return (gradient @ weight).view(shape)

    def other(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        return _rows(gradient.flatten(), self.layer.weight).view(shape)


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
