"""FullGrad: what the pixels and the biases of all layers add to the score."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.blocks import widest
from engine.methods.inputs import MethodMap
from engine.methods.pixels.inputs import BiasMap, PixelInput

# Further apart than rounding explains, in a network to which the decomposition applies.
_APART = 0.01


def fullgrad(given: PixelInput) -> MethodMap:
    """psi(x * G) + sum over layers of psi(bias * gradient), each summed over its channels.

    Srinivas and Fleuret 2019 (arXiv 1905.00780), section 4: psi takes the magnitude and scales a
    layer once, over all its channels, from 0 to 1; a layer's map is enlarged linearly to the
    input's size, each cell's value at its centre. Biases are those of convolutions, linear layers
    and normalisations (of a batch norm, beta - gamma * mean / std), where their output is spatial.
    It has no layer since it is a sum over all of them. Zero or positive.

    In a network of ReLUs, y = sum of x * G + sum of bias * gradient, biases without a spatial
    output included; in others it is not, and how far it is off is told. Of a score that is no sum
    of logits, it is its first order in them. One forward and one backward pass.
    """
    if given.gradient is None:
        raise ValueError("the gradient is missing")
    kind = widest(given.image.device)
    product = given.image.to(kind) * given.gradient.to(kind)
    found = scaled(product).sum(dim=0)
    size = (int(found.shape[0]), int(found.shape[1]))
    total = float(product.sum())
    anything = given.gradient.any()
    for bias in given.biases:
        total += bias.total
        if bias.map is not None:
            anything = anything | bias.map.any()
            coarse = bias.map.to(kind)[None, None]
            found += functional.interpolate(coarse, size, mode="bilinear", align_corners=False)[
                0, 0
            ]
    whole = given.score if given.first_order is None else given.first_order
    return MethodMap(found.float(), anything, said=_apart(total, whole))


def bias_map(part: Tensor | None, total: float) -> BiasMap:
    """What is kept of a layer's biases times gradients; part: (C, h, w), None if not spatial."""
    return BiasMap(None if part is None else scaled(part).sum(dim=0), total)


def scaled(part: Tensor) -> Tensor:
    """psi: the magnitudes, from 0 for the smallest to 1 for the largest of all channels."""
    size = part.abs()
    low, high = size.min(), size.max()
    return torch.where(high > low, (size - low) / torch.where(high > low, high - low, 1), 0)


def _apart(total: float, score: float) -> tuple[str, ...]:
    gap = abs(total - score) / max(abs(total), abs(score), 1e-12)
    if gap < _APART:
        return ()
    return (
        f"Pixels and biases sum to {total:.4g}, the score is {score:.4g}: not all of this network "
        "is made of ReLUs and biases.",
    )
