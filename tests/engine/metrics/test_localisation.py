"""A map against what was marked: planted peaks and boxes, and marks that mark nothing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.metrics.localisation import box_of, localised
from engine.records.images import Region
from engine.records.workbench.trust import Box, Marked, TrustFigure
from tests.engine.metrics.maps import explained

PLANTED = np.zeros((8, 8))
PLANTED[2, 5] = 4.0  # x from 50 to 60, y from 20 to 30
PLANTED[6, 1] = 1.0


def figures(map: np.ndarray, marked: Marked, **options: object) -> dict[str, TrustFigure]:
    return {one.name: one for one in localised(explained(map, **options), marked, 0.15)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "hit"),
    [(Box(50, 20, 10, 10), 1.0), (Box(0, 0, 50, 80), 0.0), (Box(54, 24, 2, 2), 1.0)],
)
def test_a_planted_peak_is_a_hit_where_the_box_has_it(box: Box, hit: float) -> None:
    assert figures(PLANTED, Marked((box,)))["pointing"].value == hit
    mask = np.zeros((80, 80), np.bool_)
    rows, columns = slice(int(box.y), int(box.y + box.height)), slice(int(box.x), None)
    mask[rows, columns][:, : int(box.width)] = True
    assert figures(PLANTED, Marked(mask=mask))["pointing"].value == hit


@pytest.mark.parametrize(
    "marked", [Marked(), Marked(mask=np.zeros((80, 80), np.bool_)), Marked((Box(5, 5, 0, 9),))]
)
def test_what_marks_nothing_is_no_hit(marked: Marked) -> None:
    found = figures(PLANTED, marked)
    assert found["pointing"].value == 0.0
    assert "Nothing is marked" in found["pointing"].verdict
    assert found["iou"].value == 0.0


def test_a_constant_map_gets_what_chance_gives() -> None:
    found = figures(np.ones((8, 8)), Marked((Box(0, 0, 20, 80),)))["pointing"]
    assert found.value == pytest.approx(0.25)
    assert "Of 64 cells" in found.verdict


def test_energy_in_a_box_is_the_part_of_the_positive_values() -> None:
    signed = PLANTED.copy()
    signed[0, 0] = -9.0
    found = figures(signed, Marked((Box(40, 10, 40, 30),)))["box-energy"]
    assert found.value == pytest.approx(4 / 5)
    assert found.random == pytest.approx((1200 / 6400,), abs=5e-3)
    half = figures(signed, Marked((Box(55, 0, 25, 80),)))["box-energy"]
    assert half.value == pytest.approx(0.5 * 4 / 5, abs=5e-3)


def test_boxes_that_overlap_are_not_counted_twice() -> None:
    twice = figures(PLANTED, Marked((Box(40, 10, 40, 30), Box(45, 15, 20, 20))))["box-energy"]
    assert twice.value == pytest.approx(4 / 5)


def test_the_box_is_that_of_the_largest_area_above_the_threshold() -> None:
    map = np.zeros((40, 40))
    map[10:20, 5:25] = 1.0
    map[30:34, 30:34] = 1.2
    found = box_of(explained(map), 0.15)
    assert found is not None
    # The map is drawn linearly between its cells: the edge lies within half a cell.
    assert (found.x, found.y) == pytest.approx((50, 100), abs=5)
    assert (found.width, found.height) == pytest.approx((200, 100), abs=10)
    high = box_of(explained(map), 0.9)
    assert high is not None
    assert (high.x, high.y) == pytest.approx((300, 300), abs=5)


def test_overlap_is_of_the_best_box_on_the_original_image() -> None:
    map = np.zeros((50, 50))
    map[10:30, 10:30] = 1.0
    region = Region(100, 40, 500, 500)  # a cell is 10 pixels
    boxes = Box(200, 140, 200, 200), Box(300, 140, 200, 200)
    found = figures(map, Marked(boxes), region=region)["iou"]
    assert found.value == pytest.approx(1.0, abs=0.1)
    half = figures(map, Marked(boxes[1:]), region=region)["iou"]
    assert half.value == pytest.approx(1 / 3, abs=0.05)


def test_of_a_mask_the_areas_are_compared() -> None:
    map = np.zeros((50, 50))
    map[10:30, 10:30] = 1.0
    mask = np.zeros((500, 500), np.bool_)
    mask[100:300, 100:200] = True
    assert figures(map, Marked(mask=mask))["iou"].value == pytest.approx(0.5, abs=0.05)


def test_only_boxes_of_the_explained_class_count_where_there_are_any() -> None:
    marked = Marked((Box(0, 0, 10, 10, "Star"), Box(50, 20, 10, 10, "ring")))
    assert figures(PLANTED, marked)["pointing"].value == 0.0
    assert figures(PLANTED, marked, label="ring")["pointing"].value == 1.0
    assert figures(PLANTED, marked, label="cross")["pointing"].value == 1.0


def test_a_map_with_nothing_positive_says_so() -> None:
    found = figures(-np.ones((4, 4)), Marked((Box(0, 0, 40, 40),)))
    assert found["pointing"].value == 0.0
    assert found["box-energy"].value is None
    assert found["iou"].value is None
    assert all("positive" in one.verdict for one in found.values())


def test_intersection_over_union_of_boxes() -> None:
    assert Box(0, 0, 2, 2).meets(Box(1, 1, 2, 2)) == pytest.approx(1 / 7)
    assert Box(0, 0, 2, 2).meets(Box(2, 0, 2, 2)) == 0.0
    assert Box(0, 0, 2, 2).meets(Box(0, 0, 2, 2)) == 1.0
