"""Rank correlation, against its definition and against what must come out."""

from __future__ import annotations

import numpy as np
import pytest

from engine.metrics.agreement import among, averaged, rank_correlation, ranks, sampled


def test_ranks_of_equal_values_are_the_mean_of_their_places() -> None:
    assert ranks(np.array([[3.0, 1.0], [3.0, 2.0]])).tolist() == [2.5, 0.0, 2.5, 1.0]


def test_without_ties_it_is_the_sum_of_squared_differences() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.permutation(30.0 * np.arange(30)), rng.permutation(np.arange(30) ** 3.0)
    apart = np.argsort(np.argsort(one)) - np.argsort(np.argsort(other))
    wanted = 1 - 6 * (apart**2).sum() / (30 * (30**2 - 1))
    assert rank_correlation(one.reshape(5, 6), other.reshape(5, 6)) == pytest.approx(wanted)


def test_it_knows_only_the_order() -> None:
    map = np.random.default_rng(1).normal(size=(6, 7))
    assert rank_correlation(map, np.exp(map)) == pytest.approx(1.0)
    assert rank_correlation(map, -(map**3)) == pytest.approx(-1.0)
    assert rank_correlation(map, np.full((6, 7), 2.0)) is None


def test_a_finer_map_is_averaged_to_the_coarser_grid() -> None:
    coarse = np.arange(12.0).reshape(3, 4)
    fine = coarse.repeat(5, axis=0).repeat(3, axis=1)
    fine = fine + np.tile(np.array([-1.0, 0.0, 1.0]), 4)
    np.testing.assert_allclose(averaged(fine, 3, 4), coarse)
    np.testing.assert_array_equal(averaged(coarse, 3, 4), coarse)
    assert among([fine, coarse, -coarse]) == pytest.approx([1.0, -1.0, -1.0])


def test_a_map_is_sampled_linearly_between_the_centres_of_its_cells() -> None:
    ramp = np.add.outer(10 * np.arange(4.0), np.arange(5.0))
    x, y = np.array([0.1, 0.4, 0.9]), np.array([0.125, 0.5, 1.0])
    wanted = np.add.outer(10 * np.array([0.0, 1.5, 3.0]), np.array([0.0, 1.5, 4.0]))
    np.testing.assert_allclose(sampled(ramp, x, y), wanted)
