"""Figures from the map alone, against maps whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.metrics.alone import (
    BORDER_AREA,
    CORNER,
    border_energy,
    corner_energies,
    energy_in,
    free_figures,
    notes_on,
    peak_of,
    positive_share,
)
from engine.records.explanations import Verdict
from engine.records.images import Region
from tests.engine.metrics.maps import explained


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (5, 13), (100, 64)])
def test_a_uniform_map_has_energy_by_area(shape: tuple[int, int]) -> None:
    uniform = np.full(shape, 0.3)
    assert border_energy(uniform) == pytest.approx(BORDER_AREA)
    assert corner_energies(uniform) == pytest.approx([CORNER**2] * 4)
    assert energy_in(uniform, 0.2, 0.1, 0.9, 0.6) == pytest.approx(0.7 * 0.5)


def test_energy_counts_the_part_of_a_cell_that_is_inside() -> None:
    one = np.zeros((4, 4))
    one[1, 2] = 3.0  # x from 0.5 to 0.75, y from 0.25 to 0.5
    assert energy_in(one, 0.5, 0.25, 0.75, 0.5) == pytest.approx(1.0)
    assert energy_in(one, 0.6, 0.25, 1.0, 0.5) == pytest.approx(0.6)
    assert energy_in(one, 0.5, 0.0, 0.75, 0.3) == pytest.approx(0.2)
    assert energy_in(one, 0.0, 0.0, 0.5, 1.0) == 0.0


def test_negative_values_are_no_energy() -> None:
    signed = np.array([[1.0, -5.0], [-5.0, -5.0]])
    assert corner_energies(signed) == pytest.approx((0.25, 0.0, 0.0, 0.0))
    assert border_energy(-np.abs(signed)) is None
    assert corner_energies(np.zeros((3, 3))) == ()


def test_share_of_positive_is_of_the_magnitude() -> None:
    assert positive_share(np.array([[3.0, -1.0], [0.0, 0.0]])) == pytest.approx(0.75)
    assert positive_share(np.zeros((2, 2))) is None
    assert positive_share(-np.ones((2, 2))) == 0.0


def test_a_planted_peak_is_found_where_it_was_planted() -> None:
    map = np.zeros((6, 9))
    map[4, 7] = 2.0
    map[0, 0] = 1.5
    found = peak_of(map)
    assert (found.row, found.column, found.value, found.ties) == (4, 7, 2.0, 1)
    assert found.above_half == pytest.approx(2 / 54)
    region = Region(100, 50, 90, 60)
    figure = next(one for one in free_figures(explained(map, region=region)) if one.name == "peak")
    assert figure.place == (175.0, 95.0)
    assert "at the bottom right, at x 175, y 95" in figure.verdict


def test_a_hot_corner_is_named_and_a_hot_middle_is_not() -> None:
    corner, middle = np.zeros((8, 8)), np.zeros((8, 8))
    corner[7, 0] = 1.0
    middle[3:5, 3:5] = 1.0
    hot = {one.name: one for one in free_figures(explained(corner))}["border-energy"]
    calm = {one.name: one for one in free_figures(explained(middle))}["border-energy"]
    assert "bottom left corner alone has 100 %" in hot.verdict
    assert "corner" not in calm.verdict
    assert calm.value == 0.0


@pytest.mark.parametrize(
    ("map", "verdict", "words"),
    [
        (np.zeros((4, 4)), Verdict.ZERO_GRADIENT, "blank: gradient is zero"),
        (np.full((4, 4), 2.0), Verdict.OK, "same value everywhere"),
        (1 + 0.1 * np.eye(4), Verdict.OK, "weak"),
    ],
)
def test_a_map_that_says_nothing_is_said_to(map: np.ndarray, verdict: Verdict, words: str) -> None:
    (note,) = notes_on(explained(map, verdict=verdict))
    assert words in note


def test_class_blind_methods_are_labelled_and_others_are_not() -> None:
    strong = np.eye(5)
    assert any("class-blind" in note for note in notes_on(explained(strong, "eigen-cam")))
    assert notes_on(explained(strong, "grad-cam")) == ()


def test_what_has_no_value_says_why() -> None:
    figures = {one.name: one for one in free_figures(explained(np.zeros((3, 3))))}
    assert figures["positive-share"].value is None
    assert figures["border-energy"].value is None
    assert all(one.verdict for one in figures.values())
