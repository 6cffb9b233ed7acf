"""Class activation maps as pure functions of activations and gradients.

A method takes activations and gradients of one layer, both (channels, rows, columns) in
float32, and returns the channel weights (channels,); the map is the weighted sum of the
activations, signed and unscaled. To add a method, add a function and its name to METHODS.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.records import Layout

Weights = Callable[[Tensor, Tensor], Tensor]


def grad_cam_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Equation 1 of Selvaraju et al. 2017: the mean over space of d logit / d activation."""
    del activations
    return gradients.mean(dim=(1, 2))


METHODS: dict[str, Weights] = {"grad-cam": grad_cam_weights}


def class_activation_map(
    method: str, output: Tensor, gradient: Tensor, layout: Layout
) -> tuple[Tensor, Tensor]:
    """The signed map of one output, and whether any weight differs from zero.

    output, gradient: (1, C, h, w) or (1, h, w, C) as layout says, of any floating type.
    Returns float32 (h, w), the sum over channels of weight times activation (equation 2 of
    Selvaraju et al. 2017 without its ReLU), and a boolean scalar; both on the output's device.
    """
    activations = _channels_first(output, layout)
    gradients = _channels_first(gradient, layout)
    weights = METHODS[method](activations, gradients)
    # einsum on a view: one matrix-vector product, no temporary as large as the activation.
    return torch.einsum("c,chw->hw", weights, activations), weights.any()


def _channels_first(tensor: Tensor, layout: Layout) -> Tensor:
    single = tensor.detach()[0].float()
    return single.permute(2, 0, 1) if layout is Layout.CHANNELS_LAST else single
