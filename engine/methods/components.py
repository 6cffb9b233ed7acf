"""Maps from the principal component of a layer: its strongest pattern over channels.

Every function takes a MethodInput and returns a MethodMap. Notation: A the activation (C, h, w), G
the gradient of the score by it, Z = h * w. All is computed in float64, on the processor where the
device knows no float64.

The sign of a singular vector is arbitrary, so that the same map came out upside down in another
precision. Here it is the one with which the map correlates positively (Pearson) with the mean of
abs(A), or of abs(G * A), over channels: high where the layer is active. Where that correlation is
zero, or undefined since one of the two is constant, the sum of the map is positive. Where that is
zero too, the first cell, row by row, of more than 0.9 of the largest magnitude is positive.

What is not finite throughout has a map of NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.methods.blocks import cell_blocks, cells_of, channel_blocks, widest
from engine.methods.inputs import MethodInput, MethodMap

# Below this part of what it could be, a correlation or a sum is taken for zero: one that is zero
# for reasons of symmetry comes out as some 1e-8 from an activation that was rounded to float32.
_ZERO = 1e-6

# An eigenvalue below this part of what it could be is taken for zero.
_NOTHING = 1e-14


def eigen_cam(given: MethodInput) -> MethodMap:
    """A as a matrix (Z, C), not centred, projected on its first right singular vector.

    Muhammad and Yeasin 2020 (arXiv 2008.00299). The map is signed (see above). It is computed by
    way of the smaller of the matrices A'A and AA', whose eigenvector this is. One forward pass.
    """
    activation = given.activation.detach()
    return _projected(activation, activation.any())


def eigengrad_cam(given: MethodInput) -> MethodMap:
    """G * A as a matrix (Z, C), not centred, projected on its first right singular vector.

    From pytorch-grad-cam; in no paper. The map is signed, and high where G * A is large, for the
    class or against it (see above). One forward and one backward pass.
    """
    if given.gradient is None:
        raise ValueError("the gradient is missing")
    gradient = given.gradient.detach()
    return _projected(given.activation.detach() * gradient, gradient.any())


def smoothed(weighted: Tensor) -> Tensor:
    """Weighted activations w * A, (C, h, w), not centred, projected on their first right singular
    vector: (h, w), float32.

    What the option eigen puts in the place of their sum over channels; the idea is that of
    pytorch-grad-cam, which centres the cells first, so that zero becomes their mean, and leaves the
    sign to chance. Here it is the one with which the map and that sum have a positive inner
    product, so that what is positive still speaks for what was asked; where that is zero, it is
    decided by the map itself (see above).
    """
    home = weighted.device
    if widest(home) is not torch.float64:
        weighted = weighted.cpu()
    raw = _first_projection(weighted)
    summed = torch.cat([few.sum(dim=1) for few in cell_blocks(weighted)])
    together = torch.dot(raw, summed)
    aligned = together.abs() > _ZERO * raw.norm() * summed.norm()
    decisive = torch.where(aligned, together, _decisive_alone(raw))
    return torch.where(decisive < 0, -raw, raw).view(weighted.shape[1:]).float().to(home)


def kpca_cam(given: MethodInput) -> MethodMap:
    """The first component of a kernel PCA over the cells of A, each a vector of C numbers.

    Karmani et al. 2024 (arXiv 2410.00267). The cells x are centred; the kernel is, by the option
    of that name, sigmoid: tanh(gamma x.y + 1), rbf: exp(-gamma |x - y|^2), or linear: x.y, which is
    Eigen-CAM of the centred activation. gamma of 0 stands for 1 / C. The kernel matrix is centred,
    and the map is its first eigenvector times the square root of the eigenvalue, signed (see
    above). One forward pass, and the eigenvector of a matrix (Z, Z).
    """
    activation = given.activation.detach()
    home, shape = activation.device, activation.shape[1:]
    anything = activation.any()
    if widest(home) is not torch.float64:
        activation = activation.cpu()
    cells = cells_of(activation).double()
    raw = _kernel_component(cells - cells.mean(dim=0), given)
    signed = raw * _sign(raw, _mean_magnitude(activation))
    return MethodMap(signed.view(shape).float().to(home), anything)


def _kernel_component(cells: Tensor, given: MethodInput) -> Tensor:
    """(Z, C), centred, to (Z,): the first component in the space of the kernel."""
    if not cells.isfinite().all():
        return cells.new_full((len(cells),), torch.nan)
    products = cells @ cells.t()
    kernel, gamma = given.options["kernel"], given.number("gamma") or 1 / cells.shape[1]
    if kernel == "sigmoid":
        products = torch.tanh(gamma * products + 1)
    elif kernel == "rbf":
        squares = products.diagonal()
        products = torch.exp(-gamma * (squares[:, None] + squares - 2 * products))
    means = products.mean(dim=0)
    centred = products - means - means[:, None] + means.mean()
    values: Tensor
    vectors: Tensor
    values, vectors = torch.linalg.eigh(centred)
    # Of cells that are all alike, rounding is left.
    least = _NOTHING * len(cells) * products.abs().max()
    return vectors[:, -1] * torch.where(values[-1] > least, values[-1], 0.0).sqrt()


def _projected(matrix: Tensor, anything: Tensor) -> MethodMap:
    home = matrix.device
    if widest(home) is not torch.float64:
        matrix = matrix.cpu()
    raw = _first_projection(matrix)
    signed = raw * _sign(raw, _mean_magnitude(matrix))
    return MethodMap(signed.view(matrix.shape[1:]).float().to(home), anything)


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
    """1 or -1, a scalar: the sign for a map (Z,) beside the mean magnitude (Z,) (see above)."""
    one, other = raw - raw.mean(), magnitude - magnitude.mean()
    together = torch.dot(one, other)
    varies = (one.norm() > _ZERO * raw.norm()) & (other.norm() > _ZERO * magnitude.norm())
    correlated = varies & (together.abs() > _ZERO * one.norm() * other.norm())
    decisive = torch.where(correlated, together, _decisive_alone(raw))
    return torch.where(decisive < 0, -1.0, 1.0).to(raw.dtype)


def _decisive_alone(raw: Tensor) -> Tensor:
    """What has to be positive of a map (Z,) if nothing beside it decides: its sum, or if that is
    zero, its first large cell (see above)."""
    total, size = raw.sum(), raw.abs()
    lopsided = total.abs() > _ZERO * size.sum()
    return torch.where(lopsided, total, raw.take((size > 0.9 * size.max()).int().argmax()))
