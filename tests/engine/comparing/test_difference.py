"""Differences, correlation and overlap, against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.comparing.difference import correlation, difference, explanation_of, overlap
from engine.errors import HookscopeError
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import Region
from tests.explanations import explain, noise

SIZE = (60, 40)
WHOLE = Region(0.0, 0.0, 60.0, 40.0)


def of(map: FloatMap, region: Region = WHOLE) -> Explanation:
    return explain(map, region, SIZE)


class TestNumbers:
    def test_correlation_is_numpys(self) -> None:
        one, other = noise(5, 7), noise(5, 7, seed=1)
        wanted = np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]
        assert correlation(one, other) == pytest.approx(wanted, abs=1e-12)

    def test_of_a_map_with_itself_turned_round_and_stretched(self) -> None:
        map = noise(4, 4)
        assert correlation(map, map * 3 + 5) == pytest.approx(1.0)
        assert correlation(map, -map) == pytest.approx(-1.0)
        assert overlap(map, map * 3 + 5) == 1.0

    def test_what_is_the_same_everywhere_has_no_correlation_and_no_top(self) -> None:
        flat = np.full((3, 3), 0.1, np.float32)
        assert correlation(flat, noise(3, 3)) is None
        assert overlap(flat, noise(3, 3)) is None
        assert overlap(noise(3, 3), flat) is None

    def test_overlap_counts_cells(self) -> None:
        """Of 20 cells 4 are the top; two of them in common make 2 of 6."""
        one, other = np.arange(20.0).reshape(4, 5), np.zeros((4, 5))
        other.flat[[19, 18, 0, 1]] = [5, 6, 7, 8]
        assert overlap(one, other) == pytest.approx(2 / 6)

    def test_disjoint_tops_have_none(self) -> None:
        map = np.arange(20.0).reshape(4, 5)
        assert overlap(map, -map) == 0.0

    def test_ties_prefer_no_cell(self) -> None:
        """One cell is lit, and three of the 19 dark ones share what is left of the top."""
        one, other = np.zeros((4, 5)), np.zeros((4, 5))
        one.flat[0], other.flat[0] = 1.0, 1.0
        assert overlap(one, other) == 1.0
        other.flat[0], other.flat[7] = 0.0, 1.0
        rest = 3 / 19
        # Cells 0 and 7 are whole in one map and shared in the other; the other 18 are alike.
        wanted = (2 * rest + 18 * rest) / (2 * 1.0 + 18 * rest)
        assert overlap(one, other) == pytest.approx(wanted)
        assert overlap(one.T, other.T) == pytest.approx(wanted)

    def test_a_small_map_has_a_top_of_one_cell(self) -> None:
        assert overlap(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])) == 1.0


class TestMap:
    def test_on_one_grid_it_is_cell_by_cell(self) -> None:
        one, other = noise(5, 7), noise(5, 7, seed=1)
        found = difference(of(one), of(other))
        np.testing.assert_allclose(found.map, one - other, rtol=1e-6)
        assert found.region == WHOLE
        assert not found.scaled

    def test_it_has_its_sign(self) -> None:
        one, other = noise(3, 3), noise(3, 3, seed=1)
        forth, back = difference(of(one), of(other)), difference(of(other), of(one))
        np.testing.assert_array_equal(forth.map, -back.map)

    def test_a_ramp_is_the_same_on_any_grid(self) -> None:
        """Sampled linearly, a ramp over the image keeps its values between the outer centres."""

        def ramp(columns: int) -> FloatMap:
            centres = (np.arange(columns) + 0.5) / columns * SIZE[0]
            return np.tile(centres.astype(np.float32), (2, 1))

        found = difference(of(ramp(4)), of(ramp(12)))
        assert found.map.shape == (2, 12)
        # Centres of the coarse grid lie at 7.5 and 52.5; of the fine one at 2.5, 7.5, ... 57.5.
        np.testing.assert_allclose(found.map[:, 1:11], 0.0, atol=1e-4)
        np.testing.assert_allclose(found.map[:, [0, 11]], [[5.0, -5.0]] * 2, atol=1e-4)

    def test_of_other_regions_it_covers_what_both_do(self) -> None:
        left = of(np.full((4, 4), 2.0, np.float32), Region(0.0, 0.0, 40.0, 40.0))
        right = of(np.full((4, 4), 0.5, np.float32), Region(20.0, 0.0, 40.0, 40.0))
        found = difference(left, right)
        assert found.region == Region(20.0, 0.0, 20.0, 40.0)
        assert found.map.shape == (4, 2)
        np.testing.assert_array_equal(found.map, 1.5)

    def test_scaled_maps_are_in_parts_of_their_own_peaks(self) -> None:
        one = np.array([[1.0, -4.0]], np.float32)
        other = np.array([[300.0, 150.0]], np.float32)
        found = difference(of(one), of(other), scaled=True)
        np.testing.assert_allclose(found.map, [[0.25 - 1.0, -1.0 - 0.5]])
        assert found.scaled

    def test_a_blank_map_is_nothing_to_divide_by(self) -> None:
        found = difference(of(np.zeros((1, 2), np.float32)), of(np.ones((1, 2), np.float32)))
        scaled = difference(
            of(np.zeros((1, 2), np.float32)), of(np.full((1, 2), 3.0, np.float32)), scaled=True
        )
        np.testing.assert_array_equal(found.map, scaled.map)
        assert math.isfinite(float(scaled.map.sum()))

    def test_images_of_other_sizes_are_refused(self) -> None:
        other = replace(of(noise(3, 3)), image_size=(61, 40))
        with pytest.raises(HookscopeError, match="60 x 40 and 61 x 40"):
            difference(of(noise(3, 3)), other)

    def test_regions_apart_are_refused(self) -> None:
        left = of(noise(3, 3), Region(0.0, 0.0, 20.0, 40.0))
        right = of(noise(3, 3), Region(30.0, 0.0, 20.0, 40.0))
        with pytest.raises(HookscopeError, match="no common part"):
            difference(left, right)

    def test_it_is_drawn_as_a_map_of_both(self) -> None:
        one, other = of(noise(3, 3)), of(noise(3, 3, seed=1))
        made = explanation_of(difference(one, other), one, replace(other, subject="ring"))
        assert made.subject == "star minus ring"
        assert made.signs == ("more in star", "more in ring")
