"""The formulas of the methods in numpy and float64, to compare the engine with; nothing from it.

a: activation (C, h, w); g: the gradient of the score by it; k: a channel. Each as its authors print
it, without a ReLU at the end. The comment beside each says what a paper leaves open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def _sum(weights: Array, a: Array) -> Array:
    return np.asarray(np.einsum("k,kij->ij", weights, a))


def grad_cam(a: Array, g: Array) -> Array:
    return _sum(g.mean(axis=(1, 2)), a)


def xgrad_cam(a: Array, g: Array) -> Array:
    """A channel whose sum is what rounding left of values that cancel out has no weight."""
    total, size = a.sum(axis=(1, 2)), np.abs(a).sum(axis=(1, 2))
    usable = np.abs(total) > 1e-6 * size
    flow = (g * a).sum(axis=(1, 2))
    return _sum(np.divide(flow, total, out=np.zeros_like(total), where=usable), a)


def grad_cam_plus_plus(a: Array, g: Array) -> Array:
    """Equation 19 as printed: g^2 / (2 g^2 + sum(a) g^3), times relu(g); 0 where that is 0 / 0."""
    total = a.sum(axis=(1, 2), keepdims=True)
    below = 2 * g**2 + total * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
    return _sum((alpha * np.maximum(g, 0)).sum(axis=(1, 2)), a)


def eigen_cam(a: Array) -> Array:
    """The sign is the one that goes with the mean magnitude of the cells."""
    cells = a.reshape(len(a), -1).T
    _, _, right = np.linalg.svd(cells, full_matrices=False)
    projected = cells @ right[0]
    together = np.corrcoef(projected, np.abs(cells).mean(axis=1))[0, 1]
    return np.asarray(projected * (-1 if together < 0 else 1)).reshape(a.shape[1:])


def kpca_cam(a: Array) -> Array:
    """Kernel PCA with tanh(x.y / C + 1); the sign as above, with the magnitude of A itself."""
    cells = a.reshape(len(a), -1).T
    centred = cells - cells.mean(axis=0)
    kernel = np.tanh(centred @ centred.T / len(a) + 1)
    apart = np.eye(len(cells)) - 1 / len(cells)
    values, vectors = np.linalg.eigh(apart @ kernel @ apart)
    component = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    together = np.corrcoef(component, np.abs(cells).mean(axis=1))[0, 1]
    return np.asarray(component * (-1 if together < 0 else 1)).reshape(a.shape[1:])


def fem(a: Array) -> Array:
    """Where a channel is constant, rounding does not keep its cells from reaching their mean."""
    mean, deviation = a.mean(axis=(1, 2), keepdims=True), a.std(axis=(1, 2), keepdims=True)
    reached = a - mean - 2 * deviation >= -1e-12 * np.abs(a).max(axis=(1, 2), keepdims=True)
    return np.asarray((mean * reached).sum(axis=0))


def random_cam(a: Array, seed: int = 0) -> Array:
    return _sum(np.random.default_rng(seed).uniform(-1, 1, len(a)), a)


FORMULAS: dict[str, Callable[[Any, Any], Array]] = {
    "grad-cam": grad_cam,
    "hirescam": lambda a, g: (g * a).sum(axis=0),
    "layercam": lambda a, g: (np.maximum(g, 0) * a).sum(axis=0),
    "grad-cam-elementwise": lambda a, g: np.maximum(g * a, 0).sum(axis=0),
    "xgrad-cam": xgrad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "eigengrad-cam": lambda a, g: eigen_cam(a * g),
    "eigen-cam": lambda a, _g: eigen_cam(a),
    "kpca-cam": lambda a, _g: kpca_cam(a),
    "fem": lambda a, _g: fem(a),
    "random-cam": lambda a, _g: random_cam(a),
}
