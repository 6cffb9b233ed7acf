"""Maps of a layer from its gradients for another score, other images, or other layers.

Notation: A the activation (C, h, w), G = d score / d A, S_k the sum of A_k over space. Every
function takes a MethodInput and returns a MethodMap.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.methods import gradient as gradients
from engine.methods.blocks import cells_of, widest
from engine.methods.components import smoothed
from engine.methods.inputs import Counted, MethodInput, MethodMap
from engine.methods.layers.noise import noisy

BASES: dict[str, Callable[[MethodInput], MethodMap]] = {
    "grad-cam": gradients.grad_cam,
    "hirescam": gradients.hirescam,
    "layercam": gradients.layercam,
    "grad-cam-elementwise": gradients.grad_cam_elementwise,
    "xgrad-cam": gradients.xgrad_cam,
    "grad-cam++": gradients.grad_cam_plus_plus,
}
"""The gradient methods that others build on, by the option base."""

# How near 2 + S D3 / D2 comes to zero before its reciprocal is taken for a pole.
_POLE = 1e-6


def finer_cam(given: MethodInput) -> MethodMap:
    """A gradient method (option base) with G the gradient of y_c - strength * (similar classes).

    Zhang et al. 2025 (arXiv 2501.11309): what tells the class from those most like it.
    compared.coefficients says what the similar classes are, and in which two ways they are
    averaged. Signed as the base is. One forward and one backward pass.
    """
    return BASES[str(given.options["base"])](given)


def base_map(given: MethodInput) -> MethodMap:
    """The map of a layer from which refine_cam makes its own."""
    return BASES[str(given.options["base"])](given)


def refine_cam(given: MethodInput) -> MethodMap:
    """The product of maps of this layer and of deeper ones, each relu(M) / max(M), on its grid.

    Domeniconi et al. 2026 (arXiv 2605.14641): coarse maps of deep layers take the noise out of a
    fine one. The maps come from a gradient method (option base), and are enlarged linearly to this
    layer's grid. The deeper layers are, for each grid from here on, the last one on every way to
    the logits. From 0 to 1. One forward and one backward pass.
    """
    own = base_map(given)
    product = _scaled(own.map)
    rows, columns = product.shape
    for coarse in given.deeper:
        fine = functional.interpolate(
            _scaled(coarse)[None, None], size=(rows, columns), mode="bilinear", align_corners=False
        )
        product = product * fine[0, 0]
    return MethodMap(product.float(), own.anything, own.counts)


def _scaled(found: Tensor) -> Tensor:
    """relu(M) / max(M) in the widest type; zero where nothing is positive."""
    positive = found.to(widest(found.device)).clamp(min=0)
    largest = positive.max()
    return positive / torch.where(largest > 0, largest, 1.0)


def smooth_grad_cam_plus_plus(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, w_k = sum over cells of D2 / (2 D2 + S_k D3) * relu(D1).

    Omeiza et al. 2019 (arXiv 1908.01224): Grad-CAM++ with D1, D2 and D3 the means of G, G^2 and G^3
    over n noisy images; A and S_k are those of the image itself. (The paper's numerator has D1,
    which does not become Grad-CAM++ without noise; taken for a slip, as by others.) The noise is
    normal, with a deviation of sigma times the input's range (largest minus smallest value), and
    drawn from the seed for one image after the other, whatever the batches. A term with
    abs(2 + S_k D3 / D2) < 1e-6 is at the pole: it counts as 0, and is counted.

    The map is signed where the activation is. With sigma 0 it is that of Grad-CAM++. n forward and
    n backward passes, besides the first.
    """
    if given.passes is None or given.image is None:
        raise ValueError("the passes are missing")
    activation = given.activation.detach()
    kind, count = widest(activation.device), given.whole("n")
    powers = torch.zeros((3, *activation.shape), dtype=kind, device=activation.device)
    for found in given.passes.layer_gradients(noisy(given, count)):
        g = found.detach().to(kind)
        powers[0] += g.sum(dim=0)
        powers[1] += g.square().sum(dim=0)
        powers[2] += (g**3).sum(dim=0)
    first, second, third = powers / count
    a = activation.to(kind)
    # A divisor that is not used must not be zero either: 0 * inf is not 0.
    ratio = third / torch.where(second > 0, second, 1.0)
    below = 2 + a.sum(dim=(1, 2), keepdim=True) * ratio
    rising = (first > 0) & (second > 0)
    pole = rising & (below.abs() < _POLE)
    used = rising & ~pole
    terms = torch.where(used, first / torch.where(used, below, 1.0), 0.0)
    weights = terms.sum(dim=(1, 2))
    if given.is_on("eigen"):
        found = smoothed(a * weights[:, None, None])
    else:
        found = torch.mv(cells_of(a), weights).view(a.shape[1:]).float()
    missed = Counted(
        pole.sum(),
        "1 value was left out: the formula divides by zero there.",
        "{count} values were left out: the formula divides by zero there.",
    )
    return MethodMap(found, second.any(), (missed,))
