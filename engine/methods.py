"""Class activation maps as pure functions of activations and gradients.

A method takes activations and gradients of one layer, both (channels, rows, columns) in
float32, and returns the channel weights (channels,); the map is the weighted sum of the
activations, signed and unscaled. To add a method, add a function and its name to METHODS.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.inspection.spatial_axes import Axes
from engine.records.models import Layout

# Of what the gradients of a sequence amount to: measured, 3e-7 to 8e-7 of it is left where they
# cancel out, and 1e-1 where they do not.
_ROUNDING = 1e-5

Weights = Callable[[Tensor, Tensor], Tensor]


def grad_cam_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Equation 1 of Selvaraju et al. 2017: the mean over space of d logit / d activation."""
    del activations
    return gradients.mean(dim=(1, 2))


METHODS: dict[str, Weights] = {"grad-cam": grad_cam_weights}


def class_activation_map(
    method: str, output: Tensor, gradient: Tensor, axes: Axes
) -> tuple[Tensor, Tensor]:
    """The signed map of one output, and whether any weight differs from zero.

    output, gradient: (1, C, h, w), (1, h, w, C) or (1, N, C) as axes says, of any floating type.
    Returns float32 (h, w), the sum over channels of weight times activation (equation 2 of
    Selvaraju et al. 2017 without its ReLU), and a boolean scalar; both on the output's device.
    """
    single, slopes = output.detach()[0].float(), gradient.detach()[0].float()
    if axes.layout is Layout.CHANNELS_FIRST:
        activations, gradients = single, slopes
        cells = single.flatten(1).t()
    else:
        if axes.layout is Layout.TOKENS:
            shape = (*axes.grid, -1)
            single, slopes = (t[axes.prefix :].reshape(shape) for t in (single, slopes))
        activations, gradients = single.permute(2, 0, 1), slopes.permute(2, 0, 1)
        cells = single.flatten(0, 1)
    weights = METHODS[method](activations, gradients)
    any_weight = weights.any()
    if axes.layout is Layout.TOKENS:
        # Keys that are all shifted alike change no attention: their gradients cancel out, and what
        # is left of the sum is rounding, which would be drawn as if it were a map.
        any_weight = weights.abs().max() > _ROUNDING * slopes.abs().mean()
        weights = weights * any_weight
    # One matrix-vector product over (cells, channels): no temporary as large as the activation.
    return torch.mv(cells, weights).view(activations.shape[1:]), any_weight
