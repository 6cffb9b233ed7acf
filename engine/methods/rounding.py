"""Whether rounding decides on a map: two ways to compute the same network differ by rounding, and a
quotient whose divisor nearly cancels out passes on many times that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from engine.methods.inputs import MethodInput, MethodMap

# What a layer's output and its gradient differ by, in parts of themselves, if the passes before the
# layer are computed in another form or for another number of images. Measured on torchvision's
# classifiers: 1e-7 to 1e-6.
_ROUNDING = 1e-6

# How far a map may move by that, in parts of its peak: half of what is promised. Measured, two
# forms really differ by an eighth of what this says at the median, and by 1.6 times it at most.
_MOST = 5e-5


def is_doubtful(
    function: Callable[[MethodInput], MethodMap], given: MethodInput, found: Tensor
) -> bool:
    """Whether a map, found = function(given).map, moves by more than 5e-5 of its peak where each
    channel of activation and gradient moves as rounding moves it. So does one that is not finite.

    A channel's numbers all move the same way, since what cancels out in a sum over them is that.
    The gradient moves by half as much, so that their product always moves.
    """
    activation, gradient = given.activation.detach(), given.gradient
    channels = torch.arange(len(activation), device=activation.device)[:, None, None]
    up, also_up = 1 - 2 * (channels % 2), 1 - 2 * (channels // 2 % 2)
    moved = replace(
        given,
        activation=activation + activation.abs() * (up * _ROUNDING),
        gradient=None if gradient is None else gradient * (1 + also_up * (_ROUNDING / 2)),
    )
    with torch.no_grad():
        by = (function(moved).map - found).abs().max()
        return not bool(by <= _MOST * found.abs().max())
