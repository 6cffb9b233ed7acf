"""Layers with an output of their own and another way to the gradient with respect to their input.

What a layer returns is the same, bit for bit, so that no activation after it turns over. Only the
rounding of the gradient differs, which is linear in what it is made of.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.passes.below import own_gradients


class OtherGradient(nn.Module):
    """In place of a convolution or linear layer, whose attributes it has."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.training = False
        self._layers = (layer,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_layers"][0], name)

    @property
    def layer(self) -> Any:
        """The layer itself."""
        return self.__dict__["_layers"][0]

    def forward(self, x: Tensor) -> Tensor:
        if not x.requires_grad or not self.suits(x):
            result: Tensor = self.layer(x)
            return result
        return _apply(x, self)

    def suits(self, x: Tensor) -> bool:
        """Whether the other way serves for an input like this."""
        raise NotImplementedError

    def own(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The gradient with respect to an input of this shape, from that of the output, by torch's
        operations, which have a derivative."""
        raise NotImplementedError

    def other(self, gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same by the other way, without a derivative."""
        raise NotImplementedError


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, form: OtherGradient) -> Tensor:
        ctx.form, ctx.shape = form, tuple(x.shape)
        result: Tensor = form.layer(x)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        # With a graph of its own, a second derivative is asked for.
        own = torch.is_grad_enabled() or own_gradients.are_wanted()
        found = ctx.form.own if own else ctx.form.other
        return found(gradient, ctx.shape), None


def _apply(x: Tensor, form: OtherGradient) -> Tensor:
    result: Tensor = _Gradient.apply(x, form)  # type: ignore[no-untyped-call]
    return result
