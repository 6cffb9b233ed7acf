"""Figures of a map against closed forms, and maps as they are stored."""

from __future__ import annotations

import numpy as np
import pytest

from engine.folders.figures import box_energies, figures_of, stored


def one_cell(size: int, row: int, column: int) -> np.ndarray:
    map = np.full((size, size), -1.0, np.float32)
    map[row, column] = 3.0
    return map


def in_box(map: np.ndarray, box: tuple[float, float, float, float]) -> float | None:
    """Of one map between two that have other energies, or none."""
    others = np.ones_like(map), np.zeros_like(map)
    shares, kept = box_energies(np.stack([others[0], map, others[1]]), box)
    assert list(kept) == [True, bool((map > 0).any()), False]
    return float(shares[1]) if kept[1] else None


@pytest.mark.parametrize("shape", [(7, 7), (8, 8), (14, 7), (5, 32), (1, 1)])
def test_an_even_map(shape: tuple[int, int]) -> None:
    found = figures_of(np.full(shape, 0.25, np.float32))
    assert found is not None
    assert found.border == pytest.approx(1 - 0.75**2)
    assert found.corners == pytest.approx(0.25)
    assert found.spread == pytest.approx(1.0)


def test_one_cell() -> None:
    # On a grid of 16, the border is two cells wide, and a corner four.
    for row, column, border, corner in (
        *((0, 0, 1, 1), (1, 14, 1, 1), (3, 3, 0, 1)),
        *((8, 8, 0, 0), (0, 8, 1, 0), (3, 8, 0, 0), (13, 2, 0, 1)),
    ):
        found = figures_of(one_cell(16, row, column))
        assert found is not None
        assert (found.border, found.corners) == pytest.approx((border, corner))
        assert found.spread == pytest.approx(1 / 256)


def test_cells_that_are_cut_count_by_their_share() -> None:
    # The border reaches to 0.125, and the first of four cells to 0.25.
    found = figures_of(one_cell(4, 0, 1))
    assert found is not None
    assert found.border == pytest.approx(0.5)
    assert in_box(one_cell(4, 0, 1), (0.0, 0.0, 1.0, 0.125)) == pytest.approx(0.5)
    assert in_box(one_cell(4, 0, 1), (0.25, 0.0, 0.375, 1.0)) == pytest.approx(0.5)
    assert in_box(one_cell(4, 0, 1), (0.5, 0.0, 1.0, 1.0)) == 0


def test_nothing_positive_has_no_figures() -> None:
    assert figures_of(np.zeros((7, 7), np.float32)) is None
    assert figures_of(np.full((7, 7), -1.0, np.float32)) is None
    assert in_box(np.zeros((7, 7), np.float32), (0, 0, 1, 1)) is None


@pytest.mark.parametrize("shape", [(64, 64), (56, 33), (33, 7), (224, 50)])
def test_large_maps_are_averaged(shape: tuple[int, int]) -> None:
    map = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    small = stored(map)
    assert small.shape == (min(32, shape[0]), min(32, shape[1]))
    assert small.mean() == pytest.approx(map.mean(), abs=1e-6)
    if shape == (64, 64):
        expected = map.reshape(32, 2, 32, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(small, expected, atol=1e-6)


def test_others_are_kept_as_they_are() -> None:
    map = np.random.default_rng(0).normal(size=(7, 32)).astype(np.float32)
    np.testing.assert_array_equal(stored(map), map)
