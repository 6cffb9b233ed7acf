"""Class activation maps from a layer's activation and its gradient.

Notation: A the activation (C, h, w), G = d score / d A, Z = h * w, and S_k the sum of A_k over
space. Every function takes a MethodInput with a gradient and returns a MethodMap; without a
gradient it raises ValueError, which is a defect of the caller. `anything` is False where G is zero.

Maps stay signed: the ReLU with which most papers end is left to the display.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from engine.methods.blocks import cells_of, channel_blocks, widest
from engine.methods.components import smoothed
from engine.methods.inputs import Counted, MethodInput, MethodMap, Weights
from engine.records.models import Layout

# Of what the gradients of a sequence amount to: measured, 3e-7 to 8e-7 of it is left where they
# cancel out, and 1e-1 where they do not.
_ROUNDING = 1e-5

# A channel's sum below this part of the sum of its magnitudes is what is left of numbers that
# cancel out, and a quotient by it says nothing.
_NO_SUM = 1e-6

# How near 2 + S G comes to zero before its reciprocal is taken for a pole.
_POLE = 1e-6


def grad_cam(given: MethodInput) -> MethodMap:
    """Sum over k of mean(G_k) A_k. Selvaraju et al. 2017, equations 1 and 2 without the ReLU.

    The map is signed. `anything` is also False where the gradients of a sequence cancel out.
    """
    activation, gradient = _both(given)
    return weighted(activation, grad_cam_weights(gradient, given.layout), given.is_on("eigen"))


def grad_cam_weights(gradient: Tensor, layout: Layout) -> Weights:
    """mean(G_k) for each channel of a gradient (C, h, w), of a layer of this layout. Equation 1."""
    gradients = gradient.float()
    weights = gradients.mean(dim=(1, 2))
    if layout is not Layout.TOKENS:
        return Weights(weights)
    # Keys that are all shifted alike change no attention: their gradients cancel out, and what is
    # left of the sum is rounding, which would be drawn as if it were a map.
    return Weights(weights, _ROUNDING * gradients.abs().mean())


def factors_of(weights: Weights) -> tuple[Tensor, Tensor]:
    """The channels' factors, float32 (C,), and whether any is not zero; all are where what is left
    of them is rounding."""
    factors = weights.channels
    if weights.least is None:
        return factors, factors.any()
    anything = factors.abs().max() > weights.least
    return factors * anything, anything


def weighted(activation: Tensor, weights: Weights, eigen: bool = False) -> MethodMap:
    """Sum over k of w_k A_k, for an activation (C, h, w). Selvaraju et al. 2017, equation 2.

    eigen: smooth it, as components.smoothed does.
    """
    activations, (factors, anything) = activation.float(), factors_of(weights)
    if eigen:
        return MethodMap(smoothed(activations * factors[:, None, None]), anything)
    # One matrix-vector product over (cells, channels): no temporary as large as the activation.
    return MethodMap(torch.mv(cells_of(activations), factors).view(activations.shape[1:]), anything)


def cam(given: MethodInput) -> MethodMap:
    """Sum over k of W_ck A_k. Zhou et al. 2016 (arXiv 1512.04150), equations 1 and 2.

    W: the weights of the one linear layer that reads the averages of A over space; it is for layers
    of which that is all that follows. There G_k is W_ck / Z in every cell, and so W_ck is the sum
    of G_k over space, however the pooling and the layer are written. The map is signed. One forward
    pass, and a backward pass through the last layer alone.
    """

    def weigh(_a: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        return g.sum(dim=(1, 2)), torch.zeros((), dtype=torch.int64, device=g.device)

    found = _weighed(given, weigh, "", "")
    return MethodMap(found.map, found.anything)


def shapley_cam(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, where w_k = mean(G_k - (H A)_k / 2) and H = d G / d A.

    Cai 2025 (arXiv 2501.06261): the mean of what a cell adds to the score, to the second order, in
    whichever order the cells are put together. H is zero where the gradient does not depend on A,
    as with the logit of a network of ReLUs, and the map is then that of Grad-CAM. The map is
    signed. One forward pass, one backward pass, and one more through that.
    """
    if given.curvature is None:
        raise ValueError("the curvature is missing")
    gradient = _both(given)[1]
    shares = gradient - given.curvature.detach() / 2
    found = grad_cam(replace(given, gradient=shares))
    return MethodMap(found.map, gradient.any())


def hirescam(given: MethodInput) -> MethodMap:
    """Sum over k of G_k * A_k, cell by cell. Draelos and Carin 2020 (arXiv 2011.08891).

    The map is signed. In a network of convolutions and ReLUs without biases it sums to the score,
    at every layer that everything passes through.
    """
    return _summed(given, lambda a, g: a * g)


def grad_cam_elementwise(given: MethodInput) -> MethodMap:
    """Sum over k of relu(G_k * A_k), cell by cell. From pytorch-grad-cam; in no paper.

    The map is zero or positive.
    """
    return _summed(given, lambda a, g: (a * g).clamp_(min=0))


def layercam(given: MethodInput) -> MethodMap:
    """Sum over k of relu(G_k) * A_k, cell by cell. Jiang et al. 2021 (IEEE TIP).

    The map is signed where the activation is.
    """
    return _summed(given, lambda a, g: g.clamp(min=0).mul_(a))


def xgrad_cam(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, where w_k = sum(G_k * A_k) / S_k. Fu et al. 2020 (arXiv 2008.02312).

    The map is signed. A weight is 0 where abs(S_k) < 1e-6 sum(abs(A_k)): before a ReLU the values
    of a channel may cancel out, and no small number added to S_k, as libraries do, mends that.
    Those channels are counted; one that is zero throughout adds nothing, and is not.
    """

    def weigh(a: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        total, size = a.sum(dim=(1, 2)), a.abs().sum(dim=(1, 2))
        cancelled = (total.abs() < _NO_SUM * size) | (total == 0)
        safe = torch.where(cancelled, 1.0, total)
        weights = torch.where(cancelled, 0.0, (g * a).sum(dim=(1, 2)) / safe)
        return weights, (cancelled & (size > 0)).sum()

    return _weighed(
        given,
        weigh,
        "1 channel was left out: its values cancel out, and their sum is a divisor.",
        "{count} channels were left out: their values cancel out, and their sum is a divisor.",
    )


def grad_cam_plus_plus(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, where w_k = sum over cells with G > 0 of G / (2 + S_k G).

    Chattopadhyay et al. 2018 (arXiv 1710.11063): equation 19, G^2 / (2 G^2 + S_k G^3), times
    relu(G), with the powers of G cancelled; a network's own small gradients then need no small
    number beside them. The map is signed where the activation is, and w_k may be negative where
    S_k is. A term with abs(2 + S_k G) < 1e-6 is at the pole: it counts as 0, and is counted.
    """

    def weigh(a: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        below = g * a.sum(dim=(1, 2), keepdim=True) + 2
        rising = g > 0
        pole = rising & (below.abs() < _POLE)
        # A divisor that is not used must not be zero either: 0 * inf is not 0.
        terms = g / torch.where(rising & ~pole, below, 1.0)
        return torch.where(rising & ~pole, terms, 0.0).sum(dim=(1, 2)), pole.sum()

    return _weighed(
        given,
        weigh,
        "1 value was left out: the formula divides by zero there.",
        "{count} values were left out: the formula divides by zero there.",
    )


def _both(given: MethodInput) -> tuple[Tensor, Tensor]:
    if given.gradient is None:
        raise ValueError("the gradient is missing")
    return given.activation.detach(), given.gradient.detach()


def _summed(given: MethodInput, product: Callable[[Tensor, Tensor], Tensor]) -> MethodMap:
    """The sum over channels of a product of activation and gradient, piece by piece.

    In the widest type the device has: before a LayerNorm the products of a cell cancel out but for
    some 1e-5 of them, of which a sum in float32 keeps three digits.
    """
    activation, gradient = _both(given)
    if given.is_on("eigen"):
        parts = channel_blocks(activation)
        weighted = torch.cat([product(activation[part], gradient[part]) for part in parts])
        return MethodMap(smoothed(weighted), gradient.any())
    kind = widest(activation.device)
    summed = torch.zeros(activation.shape[1:], dtype=kind, device=activation.device)
    for part in channel_blocks(activation):
        summed += product(activation[part].to(kind), gradient[part].to(kind)).sum(dim=0)
    return MethodMap(summed.float(), gradient.any())


def _weighed(
    given: MethodInput,
    weigh: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    one: str,
    many: str,
) -> MethodMap:
    """The sum over channels of weight times activation, in the widest type the device has.

    weigh: from some channels of activation and gradient to their weights, and to how many of
    something it left out. Both the sums below a fraction line and what becomes of a large quotient
    in the map lose too many digits in float32.
    """
    activation, gradient = _both(given)
    kind = widest(activation.device)
    summed = torch.zeros(activation[0].numel(), dtype=kind, device=activation.device)
    left_out = torch.zeros((), dtype=torch.int64, device=activation.device)
    weighted: list[Tensor] = []
    for part in channel_blocks(activation):
        a, g = activation[part].to(kind), gradient[part].to(kind)
        weights, missed = weigh(a, g)
        if given.is_on("eigen"):
            weighted.append((a * weights[:, None, None]).to(activation.dtype))
        else:
            summed += torch.mv(cells_of(a), weights)
        left_out += missed
    counts = (Counted(left_out, one, many),)
    if weighted:
        return MethodMap(smoothed(torch.cat(weighted)), gradient.any(), counts)
    return MethodMap(summed.view(activation.shape[1:]).float(), gradient.any(), counts)
