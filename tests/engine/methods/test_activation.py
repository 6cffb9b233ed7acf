"""The methods that look at the activation alone, beside numpy in float64 and in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.methods import activation, blocks, components
from engine.methods.inputs import MethodInput, MethodMap
from engine.records.models import Layout

Array = NDArray[np.float64]
Function = Callable[[MethodInput], MethodMap]
ALL: list[Function] = [components.eigen_cam, activation.fem, activation.random_cam]


def given(a: Tensor, seed: int = 0, layout: Layout = Layout.CHANNELS_FIRST) -> MethodInput:
    return MethodInput(a, None, layout, {"seed": seed})


def values(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def close(found: Tensor, expected: Array, tolerance: float = 1e-5) -> bool:
    assert found.dtype is torch.float32
    assert found.shape == expected.shape
    largest = float(np.abs(expected).max())
    assert largest > 0, "zero says nothing"
    return float(np.abs(found.double().numpy() - expected).max()) <= tolerance * largest


def eigen_by_hand(a: Array) -> Array:
    """By numpy's SVD of the whole matrix; the sign by numpy's correlation coefficient."""
    matrix = a.reshape(len(a), -1).T
    _, _, right = np.linalg.svd(matrix, full_matrices=False)
    projected = matrix @ right[0]
    if np.corrcoef(projected, np.abs(matrix).mean(axis=1))[0, 1] < 0:
        projected = -projected
    return projected.reshape(a.shape[1:])


def fem_by_hand(a: Array) -> Array:
    total = np.zeros(a.shape[1:])
    for channel in a:
        total += channel.mean() * (channel >= channel.mean() + 2 * channel.std(ddof=0))
    return total


@pytest.mark.parametrize("shape", [(5, 8, 9), (60, 4, 5), (20, 4, 5)], ids=str)
@pytest.mark.parametrize("rectified", [True, False], ids=["after-relu", "signed"])
@pytest.mark.parametrize("elements", [1 << 18, 70], ids=["whole", "in-pieces"])
def test_eigen_cam_is_the_first_singular_direction(
    shape: tuple[int, ...], rectified: bool, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer channels than cells, more, and as many."""
    monkeypatch.setattr(blocks, "_ELEMENTS", elements)
    for seed in range(5):
        # Something in common, without which the first direction is hardly ahead of the second.
        a = values(seed, *shape) + 2 * values(seed + 50, shape[0], 1, 1) * values(99, *shape[1:])
        a = a.relu() if rectified else a
        assert close(components.eigen_cam(given(a)).map, eigen_by_hand(a.double().numpy()))


@pytest.mark.parametrize("channels", [4, 40])
def test_eigen_cam_of_one_map_times_weights(channels: int) -> None:
    """A_k = c_k M: the map is M times the length of c, with the sign that goes with abs(M)."""
    spot = np.zeros((4, 5))
    spot[1, 2], spot[3, 3] = 3.0, 1.0
    factors = np.random.default_rng(1).normal(size=channels)
    a = torch.from_numpy(factors[:, None, None] * spot)
    for sign in (1, -1):
        found = components.eigen_cam(given((sign * a).float())).map
        assert close(found, np.linalg.norm(factors) * spot)
    # A background below zero, and an object that is further below.
    below = torch.from_numpy(factors[:, None, None] * (-1 - spot))
    assert close(components.eigen_cam(given(below)).map, np.linalg.norm(factors) * (1 + spot))


def test_the_sign_is_the_same_in_both_precisions_and_for_the_negative() -> None:
    """Also of flat and of symmetric activations, where the first rule decides nothing."""
    row = torch.tensor([[2.0, -1.0, -1.0]])
    cases = [values(seed, 6, 5, 5) for seed in range(20)]
    cases += [row[None] * values(3, 7, 1, 1), torch.ones(3, 4, 4) * values(4, 3, 1, 1)]
    cases.append(torch.tensor([[[1.0, -1.0, 1.0, -1.0]], [[0.1, -0.1, 0.1, -0.1]]]))
    cases.append(torch.tensor([[[1.0, -1.0, 1.0]], [[0.1, -0.1, 0.1]]]))
    for case in cases:
        expected = components.eigen_cam(given(case.double())).map
        for other in (case, -case, -case.double(), 1e-3 * case):
            found = components.eigen_cam(given(other)).map
            scale = expected.abs().max() / found.abs().max()
            assert close(found * scale, expected.double().numpy(), 1e-4)


def test_the_rules_for_the_sign_in_their_order() -> None:
    def found(*cells: float) -> list[float]:
        """Two channels, the second a tenth of the first: the map is the first, but for a sign."""
        row = torch.tensor([[cells]], dtype=torch.float64)
        return components.eigen_cam(given(torch.cat([row, row / 10]))).map[0].tolist()

    length = 1.01**0.5
    # Correlated with the magnitude, although the sum is zero or on the other side.
    assert found(-2, 1, 1) == pytest.approx([2 * length, -length, -length])
    assert found(-3, 1, 1, 1, 1) == pytest.approx([3 * length] + [-length] * 4)
    # The magnitude is constant: by the sum.
    assert found(-1, -1, 1) == pytest.approx([length, length, -length])
    assert found(-1, -1, -1) == pytest.approx([length] * 3)
    # Neither says anything: by the first cell that is large.
    assert found(-1, 1, -1, 1) == pytest.approx([length, -length, length, -length])
    assert found(0, -1, 1, 0) == pytest.approx([0, length, -length, 0])


def test_what_is_constant_but_for_rounding_is_positive() -> None:
    for seed in range(40):
        level, factors = values(seed, 1).double(), values(seed + 50, 4, 1, 1).double()
        found = components.eigen_cam(given(level * factors * torch.ones(4, 1, 3 + seed))).map
        assert found.min() > 0


def test_what_cancels_but_for_rounding_goes_by_its_first_large_cell() -> None:
    """Each value and its negative: neither the correlation nor the sum says anything."""
    by_smaller_cell = 0
    for seed in range(40):
        half = values(seed, 20).double()
        order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
        cells = torch.cat([half, -half])[order]
        a = values(seed + 50, 4, 1, 1).double() * cells.view(1, 5, 8)
        found = components.eigen_cam(given(a)).map.flatten()
        large = found[found.abs() > 0.9 * found.abs().max()]
        assert large[0] > 0
        by_smaller_cell += bool(found[0] < 0)
    assert by_smaller_cell > 5, "any cell would have done"


def test_eigen_cam_is_not_centred() -> None:
    """A common offset is the first direction of what is not centred, and nothing of what is."""
    a = 100 + values(5, 6, 4, 4)
    found = components.eigen_cam(given(a)).map
    assert found.min() > 0
    assert found.std() < 0.02 * found.mean()


def test_eigen_cam_of_what_is_not_finite() -> None:
    for bad in (torch.nan, torch.inf):
        a = values(6, 3, 4, 4)
        a[1, 2, 2] = bad
        found = components.eigen_cam(given(a))
        assert found.map.isnan().all()
        assert bool(found.anything)


@pytest.mark.parametrize("cells", [5, 6, 49, 3000])
def test_fem_of_one_spike(cells: int) -> None:
    """Mean x / n; of five cells the spike lies at two deviations exactly."""
    for value in (0.1, 0.3, 0.7, 1.1, 1e-6, 12345.678):
        for kind in (torch.float32, torch.float64):
            a = torch.zeros(1, 1, cells, dtype=kind)
            a[0, 0, 3] = value
            expected = np.zeros((1, cells))
            expected[0, 3] = float(a[0, 0, 3]) / cells
            assert close(activation.fem(given(a)).map, expected)


def test_fem_takes_only_rounding_for_equality() -> None:
    """Of five cells with another one off zero by e, the spike misses by 0.375 e squared."""
    a = torch.tensor([[[1e-3, 0.0, 0.0, 0.0, 1.0]]], dtype=torch.float64)
    assert not activation.fem(given(a)).map.any()


def test_fem_marks_nothing_in_four_cells() -> None:
    a = torch.zeros(1, 2, 2)
    a[0, 0, 1] = 0.7
    found = activation.fem(given(a))
    assert not found.map.any()
    assert bool(found.anything)


@pytest.mark.parametrize("value", [0.1, -0.3, 1e-8, 12345.678])
@pytest.mark.parametrize("cells", [7, 3001])
def test_fem_of_a_constant_channel(value: float, cells: int) -> None:
    """Every cell is at the mean, with a deviation of zero, whatever rounding makes of them."""
    for kind in (torch.float32, torch.float64):
        found = activation.fem(given(torch.full((1, 1, cells), value, dtype=kind))).map
        assert close(found, np.full((1, cells), value))


@pytest.mark.parametrize("elements", [1 << 18, 70], ids=["whole", "in-pieces"])
def test_fem_is_its_formula(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ELEMENTS", elements)
    for seed in range(5):
        a = values(seed, 30, 8, 7)
        for case in (a, a.relu(), a.double() - 5):
            assert close(activation.fem(given(case)).map, fem_by_hand(case.double().numpy()))


def test_fem_weighs_by_the_mean_and_marks_by_the_threshold() -> None:
    """Two channels with a spike each: the other way round the weaker would win."""
    a = torch.zeros(2, 1, 9)
    a[0, 0, 1], a[1] = 9.0, 5.0
    a[1, 0, 7] = 7.0
    expected = np.zeros((1, 9))
    expected[0, 1], expected[0, 7] = 1.0, 47 / 9
    assert close(activation.fem(given(a)).map, expected)


def test_random_cam_is_drawn_from_its_seed() -> None:
    a = values(7, 12, 4, 4)
    for seed in (0, 2**31 - 1):
        weights = np.random.default_rng(seed).uniform(-1, 1, 12)
        expected = np.einsum("k,kij->ij", weights, a.double().numpy())
        assert close(activation.random_cam(given(a, seed)).map, expected)
    first, again, other = (activation.random_cam(given(a, seed)).map for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_random_weights_lie_between_minus_one_and_one() -> None:
    # One channel a cell, so that the map is the weights themselves.
    weights = activation.random_cam(given(torch.eye(900).view(900, 30, 30))).map
    assert weights.abs().max() <= 1
    assert weights.min() < -0.95
    assert weights.max() > 0.95
    assert abs(float(weights.mean())) < 0.1


def test_random_cam_without_its_seed_is_a_defect_of_the_caller() -> None:
    with pytest.raises((KeyError, TypeError)):
        activation.random_cam(MethodInput(values(8, 2, 2, 2), None, Layout.CHANNELS_FIRST))


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_an_activation_of_zero(function: Function) -> None:
    found = function(given(torch.zeros(6, 3, 4)))
    assert found.anything.dtype is torch.bool
    assert not found.anything
    assert torch.equal(found.map, torch.zeros(3, 4))


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_views_of_channels_last_memory_and_of_tokens(function: Function) -> None:
    a = values(9, 11, 4, 6).abs()
    expected = function(given(a)).map.double().numpy()
    last = a.permute(1, 2, 0).contiguous()
    tokens = torch.cat([torch.full((2, 11), 50.0), last.view(24, 11)])[None]
    of_tokens = tokens[0, 2:].reshape(4, 6, 11).permute(2, 0, 1)
    for view, layout in (
        (last.permute(2, 0, 1), Layout.CHANNELS_LAST),
        (of_tokens, Layout.TOKENS),
    ):
        assert not view.is_contiguous()
        assert close(function(given(view, layout=layout)).map, expected)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
def test_the_gradient_is_not_looked_at(function: Function) -> None:
    a = values(10, 5, 6, 6)
    before = a.clone()
    with_gradient = MethodInput(a, values(11, 5, 6, 6), Layout.CHANNELS_FIRST, {"seed": 0})
    assert torch.equal(function(with_gradient).map, function(given(a)).map)
    assert torch.equal(a, before)


def test_a_device_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "widest", lambda _: torch.float32)
    a = values(12, 30, 8, 7).relu()
    assert close(activation.fem(given(a)).map, fem_by_hand(a.double().numpy()))
    assert close(components.eigen_cam(given(a)).map, eigen_by_hand(a.double().numpy()))
    # As many equal values as make their mean in float32 miss them.
    level = activation.fem(given(torch.full((1, 1, 3001), 0.1))).map
    assert close(level, np.full((1, 3001), 0.1))
