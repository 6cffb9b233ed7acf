"""Maps from a layer's activation alone: they need no gradient, and are the same for every class.

Every function takes a MethodInput and returns a MethodMap; `anything` is False where the
activation is zero. Notation: A the activation (C, h, w), Z = h * w.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.methods.blocks import cells_of, channel_blocks, widest
from engine.methods.components import smoothed
from engine.methods.inputs import MethodInput, MethodMap

# In units of the precision times a channel's largest magnitude: what a mean and a deviation of
# many numbers may be off by.
_SLACK = 64


def fem(given: MethodInput) -> MethodMap:
    """Sum over k of mu_k [A_k >= mu_k + 2 sigma_k]; mean and population deviation over space.

    Fuad et al. 2020 (IPTA): each channel marks where it is uncommonly strong, and its mean is the
    weight of its mark. The map is signed where the activation is. A channel that is constant marks
    every cell, as the formula says; equality is meant up to rounding.
    """
    activation = given.activation.detach()
    kind = widest(activation.device)
    slack = _SLACK * torch.finfo(kind).eps
    summed = torch.zeros(activation.shape[1:], dtype=kind, device=activation.device)
    for part in channel_blocks(activation):
        a = activation[part].to(kind)
        mean = a.mean(dim=(1, 2), keepdim=True)
        deviation = (a - mean).square().mean(dim=(1, 2), keepdim=True).sqrt()
        largest = a.abs().amax(dim=(1, 2), keepdim=True)
        marked = a >= mean + 2 * deviation - slack * largest
        summed += (mean * marked).sum(dim=0)
    return MethodMap(summed.float(), activation.any())


def random_cam(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k with weights drawn evenly from -1 to 1: the baseline to beat.

    The option seed decides on the weights, whatever the device; the map is signed.
    """
    activation = given.activation.detach().float()
    seed = given.options["seed"]
    if not isinstance(seed, int):
        raise TypeError(f"seed is {seed!r}")
    drawn = np.random.default_rng(seed).uniform(-1, 1, len(activation))
    weights = torch.from_numpy(drawn).float().to(activation.device)
    if given.is_on("eigen"):
        return MethodMap(smoothed(activation * weights[:, None, None]), activation.any())
    summed = torch.mv(cells_of(activation), weights)
    return MethodMap(summed.view(activation.shape[1:]), activation.any())
