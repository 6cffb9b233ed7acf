"""Masks of shapes against formulas, point by point."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from engine.edits.shapes import mask_of
from engine.records.edits import Brush, Ellipse, Hottest, Lasso, Point, Rectangle, Shape

SIZE = (37, 53)
CENTRES = [[(x + 0.5, y + 0.5) for x in range(SIZE[1])] for y in range(SIZE[0])]


def _expected(inside: object) -> np.ndarray:
    assert callable(inside)
    return np.array([[bool(inside(*centre)) for centre in row] for row in CENTRES])


def test_a_rectangle_of_whole_pixels_is_a_slice() -> None:
    mask = mask_of(Rectangle(5, 7, 11, 13), SIZE)
    assert mask[7:20, 5:16].all()
    assert np.count_nonzero(mask) == 11 * 13


def test_a_pixel_is_in_a_rectangle_if_its_centre_is() -> None:
    mask = mask_of(Rectangle(4.6, 6.4, 3.0, 2.0), SIZE)
    expected = _expected(lambda x, y: 4.6 <= x < 7.6 and 6.4 <= y < 8.4)
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("box", [(3, 4, 40, 20), (-8.5, 20.25, 30, 30), (10.3, 1.7, 5.2, 33.0)])
def test_an_ellipse_is_what_its_equation_says(box: tuple[float, float, float, float]) -> None:
    left, top, width, height = box

    def inside(x: float, y: float) -> bool:
        u, v = (x - left - width / 2) * 2 / width, (y - top - height / 2) * 2 / height
        return math.hypot(u, v) <= 1

    assert np.array_equal(mask_of(Ellipse(*box), SIZE), _expected(inside))


def _crossings(points: tuple[Point, ...], x: float, y: float) -> int:
    """How often a ray to the left of a point meets the outline."""
    count = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x > x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            count += 1
    return count


def test_a_lasso_is_filled_by_the_even_odd_rule() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        points = tuple((float(x), float(y)) for x, y in rng.uniform(-10, 60, (7, 2)))
        expected = _expected(lambda x, y, p=points: _crossings(p, x, y) % 2 == 1)
        assert np.array_equal(mask_of(Lasso(points), SIZE), expected)


def test_a_stroke_is_what_is_near_its_line() -> None:
    points = ((5.0, 6.0), (30.5, 9.25), (30.5, 9.25), (12.0, 33.0), (-20.0, 40.0))
    radius = 3.7

    steps = np.linspace(0, 1, 801)[:, None]
    line = np.concatenate([a + steps * (b - a) for a, b in pairwise(np.array(points))])
    centres = np.array(CENTRES)
    distance = np.array([np.hypot(*(line - row[:, None]).T).min(axis=0) for row in centres])
    mask = mask_of(Brush(points, radius), SIZE)
    clear = np.abs(distance - radius) > 0.02
    assert np.array_equal(mask[clear], distance[clear] < radius)
    assert clear.mean() > 0.95


def test_a_dot_is_a_disc() -> None:
    mask = mask_of(Brush(((20.5, 10.5),), 4.0), SIZE)
    assert np.array_equal(mask, mask_of(Ellipse(16.5, 6.5, 8, 8), SIZE))


@pytest.mark.parametrize(
    "shape",
    [
        Rectangle(5, 6, 20, 20),
        Ellipse(5, 6, 20, 20),
        Lasso(((1.0, 2.0), (40.0, 9.0), (9.0, 30.0))),
        Brush(((1.0, 2.0), (40.0, 9.0)), 5.0),
    ],
)
def test_of_a_crop_it_is_the_crop_of_the_mask(shape: Shape) -> None:
    whole = mask_of(shape, SIZE)
    assert np.array_equal(mask_of(shape, (20, 15), at=(11, 8)), whole[8:28, 11:26])


def test_beside_the_image_it_is_empty() -> None:
    assert not mask_of(Rectangle(500, 0, 9, 9), SIZE).any()


def test_the_hottest_pixels_take_a_map() -> None:
    with pytest.raises(ValueError, match="map"):
        mask_of(Hottest(5), SIZE)
