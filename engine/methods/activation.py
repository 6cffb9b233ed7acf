"""Maps from a layer's activation alone: they need no gradient, and are the same for every class.

Every function takes a MethodInput and returns a MethodMap; `anything` is False where the
activation is zero. Notation: A the activation (C, h, w), Z = h * w.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.methods.blocks import cell_blocks, cells_of, channel_blocks, widest
from engine.methods.inputs import MethodInput, MethodMap

# Below this part of what it could be, a correlation or a sum is taken for zero: one that is zero
# for reasons of symmetry comes out as some 1e-8 from an activation that was rounded to float32.
_ZERO = 1e-6

# In units of the precision times a channel's largest magnitude: what a mean and a deviation of
# many numbers may be off by.
_SLACK = 64


def eigen_cam(given: MethodInput) -> MethodMap:
    """A as a matrix (Z, C), not centred, projected on its first right singular vector.

    Muhammad and Yeasin 2020 (arXiv 2008.00299). The map is signed. It is computed in float64, on
    the processor where the device knows no float64, by way of the smaller of the matrices A'A and
    AA', whose eigenvector this is.

    The sign of a singular vector is arbitrary, so that the same map came out upside down in another
    precision. Here it is the one with which the map correlates positively (Pearson) with the mean
    of abs(A) over channels: high where the layer is active. Where that correlation is zero, or
    undefined since one of the two is constant, the sum of the map is positive. Where that is zero
    too, the first cell, row by row, of more than 0.9 of the largest magnitude is positive.

    An activation that is not finite throughout has a map of NaN.
    """
    activation = given.activation.detach()
    home = activation.device
    anything = activation.any()
    if widest(home) is not torch.float64:
        activation = activation.cpu()
    shape = activation.shape[1:]
    raw = _first_projection(activation)
    signed = raw * _sign(raw, _mean_magnitude(activation))
    return MethodMap(signed.view(shape).float().to(home), anything)


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
    summed = torch.mv(cells_of(activation), weights)
    return MethodMap(summed.view(activation.shape[1:]), activation.any())


def _first_projection(activation: Tensor) -> Tensor:
    """(C, h, w) to (h * w,), float64: the first left singular vector times its singular value."""
    channels, cells = len(activation), activation[0].numel()
    gram = activation.new_zeros((min(channels, cells),) * 2, dtype=torch.float64)
    if cells <= channels:
        for part in channel_blocks(activation):
            few = cells_of(activation[part]).double()
            gram.addmm_(few, few.t())
    else:
        for few in cell_blocks(activation):
            gram.addmm_(few.t(), few)
    # Asked here, since the routine raises an error over such a matrix; it waits for the device too.
    if not gram.isfinite().all():
        return gram.new_full((cells,), torch.nan)
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(gram)
    first = vectors[:, -1]
    if cells <= channels:
        return first * values[-1].clamp(min=0).sqrt()
    return torch.cat([torch.mv(few, first) for few in cell_blocks(activation)])


def _mean_magnitude(activation: Tensor) -> Tensor:
    """(C, h, w) to (h * w,), float64: the mean of abs(A) over channels."""
    return torch.cat([few.abs().mean(dim=1) for few in cell_blocks(activation)])


def _sign(raw: Tensor, magnitude: Tensor) -> Tensor:
    """1 or -1, a scalar: the sign for a map (Z,) beside the mean magnitude (Z,) (see eigen_cam)."""
    one, other = raw - raw.mean(), magnitude - magnitude.mean()
    together = torch.dot(one, other)
    varies = (one.norm() > _ZERO * raw.norm()) & (other.norm() > _ZERO * magnitude.norm())
    correlated = varies & (together.abs() > _ZERO * one.norm() * other.norm())
    total, size = raw.sum(), raw.abs()
    lopsided = total.abs() > _ZERO * size.sum()
    first = raw.take((size > 0.9 * size.max()).int().argmax())
    decisive = torch.where(correlated, together, torch.where(lopsided, total, first))
    return torch.where(decisive < 0, -1.0, 1.0).to(raw.dtype)
