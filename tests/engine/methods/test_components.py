"""Maps from principal components: in closed form, and what decides on their sign."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.methods import components, registry
from engine.methods.inputs import MethodInput
from engine.records.models import Layout
from tests.formulas import Array, eigen_cam, kpca_cam

DEFAULTS = {"kernel": "sigmoid", "gamma": 0.0}


def values(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def given(a: Tensor, g: Tensor | None = None, **options: object) -> MethodInput:
    return MethodInput(a, g, Layout.CHANNELS_FIRST, DEFAULTS | options)


def close(found: Tensor, wanted: Array, tolerance: float = 1e-5) -> bool:
    return bool(np.abs(found.double().numpy() - wanted).max() <= tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_product_of_rank_one_is_its_own_component(sign: int) -> None:
    """G * A is a factor for each channel times a pattern: the pattern, times their length."""
    factors, pattern = values(1, 7, 1, 1), values(2, 1, 5, 6).abs() + 0.1
    a = values(3, 7, 5, 6)
    g = sign * factors * pattern / a
    found = components.eigengrad_cam(given(a, g))
    assert close(found.map, (factors.norm() * pattern[0]).numpy())
    assert bool(found.anything)


@pytest.mark.parametrize("shape", [(5, 6, 7), (60, 4, 5)])
def test_the_component_of_a_product(shape: tuple[int, ...]) -> None:
    a, g = values(4, *shape), values(5, *shape)
    found = components.eigengrad_cam(given(a, g)).map
    assert close(found, eigen_cam((a * g).numpy()))


def test_a_gradient_of_zero() -> None:
    a = values(6, 4, 3, 3)
    found = components.eigengrad_cam(given(a, torch.zeros_like(a)))
    assert not found.anything
    assert not found.map.any()
    with pytest.raises(ValueError, match="gradient"):
        components.eigengrad_cam(given(a))


@pytest.mark.parametrize("shape", [(5, 6, 7), (60, 4, 5), (3, 1, 9)])
def test_a_linear_kernel_is_eigen_cam_of_the_centred_activation(shape: tuple[int, ...]) -> None:
    a = values(7, *shape) + 3
    found = components.kpca_cam(given(a, kernel="linear")).map.double().numpy()
    centred = a - a.mean(dim=(1, 2), keepdim=True)
    wanted = components.eigen_cam(given(centred)).map.double().numpy()
    # The sign goes with the activation itself, which is not centred.
    assert (
        min(np.abs(found - wanted).max(), np.abs(found + wanted).max())
        <= 1e-5 * np.abs(wanted).max()
    )
    assert np.corrcoef(found.ravel(), a.abs().mean(dim=0).numpy().ravel())[0, 1] > 0


def test_the_usual_kernel() -> None:
    a = values(8, 9, 5, 5).abs()
    assert close(components.kpca_cam(given(a)).map, kpca_cam(a.numpy()))
    same = components.kpca_cam(given(a, gamma=1 / 9)).map
    assert close(same, kpca_cam(a.numpy()))
    assert not close(components.kpca_cam(given(a, gamma=1.0)).map, kpca_cam(a.numpy()), 1e-2)


def test_the_kernel_of_distances() -> None:
    """Two clusters of cells far apart: the component tells them apart, and has one value each."""
    a = torch.zeros(2, 1, 6, dtype=torch.float64)
    a[0, 0, :2], a[1, 0, 2:] = 50.0, 40.0
    found = components.kpca_cam(given(a, kernel="rbf", gamma=1.0)).map[0].double().numpy()
    first, second = found[:2], found[2:]
    assert np.ptp(first) < 1e-6
    assert np.ptp(second) < 1e-6
    # Centred, and of length sqrt(eigenvalue): 2 cells against 4.
    assert abs(2 * first[0] + 4 * second[0]) < 1e-5
    assert abs(first[0] - second[0]) > 0.5


def test_cells_that_are_all_alike_have_no_component() -> None:
    a = values(9, 5, 1, 1).expand(5, 4, 4)
    for kernel in ("sigmoid", "rbf", "linear"):
        assert not components.kpca_cam(given(a, kernel=kernel)).map.any()


def test_what_is_not_finite() -> None:
    a = values(10, 4, 3, 3)
    a[1, 1, 1] = torch.inf
    assert components.kpca_cam(given(a)).map.isnan().all()


# --- smoothing -----------------------------------------------------------------------------------


def first_component(weighted: Array) -> Array:
    """By numpy's SVD, with the sign that goes with the sum over channels."""
    cells = weighted.reshape(len(weighted), -1).T
    _, _, right = np.linalg.svd(cells, full_matrices=False)
    projected = cells @ right[0]
    sign = -1 if projected @ cells.sum(axis=1) < 0 else 1
    return np.asarray(sign * projected).reshape(weighted.shape[1:])


@pytest.mark.parametrize("shape", [(5, 6, 7), (60, 4, 5), (3, 1, 9)])
@pytest.mark.parametrize("sign", [1, -1])
def test_smoothed_is_the_first_component_on_the_side_of_the_sum(
    shape: tuple[int, ...], sign: int
) -> None:
    weighted = sign * (values(11, *shape) + 0.7)
    found = components.smoothed(weighted)
    assert found.dtype == torch.float32
    assert close(found, first_component(weighted.numpy()))
    assert float((found * weighted.sum(dim=0)).sum()) > 0
    assert close(components.smoothed(weighted.float()), first_component(weighted.numpy()), 1e-4)


def test_one_channel_is_itself_and_a_pattern_keeps_its_sign() -> None:
    one = values(12, 1, 4, 5)
    assert close(components.smoothed(one), one[0].numpy())
    factors, pattern = values(13, 7, 1, 1).abs(), values(14, 1, 5, 6)
    for sign in (1, -1):
        found = components.smoothed(sign * factors * pattern)
        assert close(found, (sign * factors.norm() * pattern[0]).numpy())


def test_channels_that_cancel_out_go_by_the_map_itself() -> None:
    """Their sum is zero in every cell, and says nothing about a sign."""
    pattern = values(15, 1, 4, 4).abs()
    found = components.smoothed(torch.cat([pattern, -pattern]))
    assert close(found, (np.sqrt(2) * pattern[0]).numpy())
    assert not components.smoothed(torch.zeros(3, 4, 4)).any()
    assert components.smoothed(torch.full((3, 4, 4), torch.nan)).isnan().all()


WEIGHTED: dict[str, Callable[[Array, Array], Array]] = {
    "grad-cam": lambda a, g: a * g.mean(axis=(1, 2), keepdims=True),
    "hirescam": lambda a, g: a * g,
    "layercam": lambda a, g: a * np.maximum(g, 0),
    "grad-cam-elementwise": lambda a, g: np.maximum(a * g, 0),
    "xgrad-cam": lambda a, g: a * ((a * g).sum(axis=(1, 2)) / a.sum(axis=(1, 2)))[:, None, None],
    "cam": lambda a, g: a * g.sum(axis=(1, 2), keepdims=True),
    "random-cam": lambda a, _g: a * np.random.default_rng(3).uniform(-1, 1, len(a))[:, None, None],
}


@pytest.mark.parametrize("slug", WEIGHTED)
@pytest.mark.parametrize("channels", [6, 300])
def test_methods_smooth_what_they_would_add_up(slug: str, channels: int) -> None:
    """Also where an activation is walked through in several pieces."""
    method = registry.find(slug)
    cells = (5, 7) if channels == 6 else (40, 40)
    a, g = values(16, channels, *cells) + 0.5, values(17, channels, *cells)
    seed = {"seed": 3} if slug == "random-cam" else {}
    options = registry.check_options(method, {"eigen": True, **seed})
    plain = registry.check_options(method, seed)
    run = registry.load(method)
    found = run(MethodInput(a, g, Layout.CHANNELS_FIRST, options))
    weighted = WEIGHTED[slug](a.numpy(), g.numpy())
    assert close(found.map, first_component(weighted), 1e-4)
    summed = run(MethodInput(a, g, Layout.CHANNELS_FIRST, plain)).map
    assert close(summed, weighted.sum(axis=0), 1e-4)
    assert not close(found.map, summed.double().numpy(), 1e-2)
    nothing = run(MethodInput(torch.zeros_like(a), 0 * g, Layout.CHANNELS_FIRST, options))
    assert not nothing.map.any()
