"""How well a map points: properties of the figures, and the command from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pointing import energy, enlarged, hit, widened
from benchmarks.scenes import scene, table

ROOT = Path(__file__).resolve().parents[2]
SIZE = (128, 128)


def square(left: int, top: int, side: int) -> np.ndarray:
    area = np.zeros(SIZE, dtype=bool)
    area[top : top + side, left : left + side] = True
    return area


def test_a_perfect_map_scores_one() -> None:
    for number in range(5):
        at = scene(number)
        found = at.area.astype(np.float32)
        assert hit(found, at.area) == energy(found, at.area) == 1.0
        assert hit(1 - found, at.area) == energy(1 - found, at.area) == 0.0


def test_a_constant_map_scores_what_chance_gives() -> None:
    area = square(10, 20, 32)
    constant = np.full(SIZE, 0.5, dtype=np.float32)
    assert hit(constant, area) == energy(constant, area) == area.mean() == 32 * 32 / 128**2


def test_random_maps_score_what_chance_gives() -> None:
    rng = np.random.default_rng(0)
    area = square(10, 20, 64)
    maps = [rng.random((16, 16), dtype=np.float32) for _ in range(400)]
    hits = [hit(found, area) for found in maps]
    # Four standard errors of a share of a quarter in 400.
    assert abs(np.mean(hits) - area.mean()) < 4 * np.sqrt(0.25 * 0.75 / 400)
    energies = [energy(enlarged(found, SIZE), area) for found in maps]
    assert abs(np.mean(energies) - area.mean()) < 0.01


def test_nothing_positive_points_nowhere() -> None:
    area = square(0, 0, 64)
    for found in (np.zeros(SIZE, np.float32), -np.ones(SIZE, np.float32)):
        assert hit(found, area) == energy(found, area) == 0.0


def test_equal_peaks_count_by_their_share() -> None:
    found = np.zeros(SIZE, dtype=np.float32)
    found[5, 5] = found[100, 100] = found[101, 100] = 2.0
    found[50, 50] = 1.0
    assert hit(found, square(0, 0, 10)) == pytest.approx(1 / 3)
    assert energy(found, square(0, 0, 10)) == pytest.approx(2 / 7)


def test_negative_values_are_no_energy() -> None:
    found = np.full(SIZE, -5.0, dtype=np.float32)
    found[5, 5], found[100, 100] = 3.0, 1.0
    assert energy(found, square(0, 0, 10)) == pytest.approx(0.75)


@pytest.mark.parametrize("grid", [(16, 16), (7, 7), (3, 5)])
def test_the_peak_of_a_coarse_map_is_the_middle_of_its_cell(grid: tuple[int, int]) -> None:
    """Wherever it lies: a lower cell at the border is no peak, though enlarged it loses less."""
    for row, column in np.ndindex(grid):
        coarse = np.zeros(grid, dtype=np.float32)
        coarse[0] = coarse[:, 0] = 0.97
        coarse[row, column] = 1.0
        y, x = (row + 0.5) * SIZE[0] / grid[0], (column + 0.5) * SIZE[1] / grid[1]
        area = np.zeros(SIZE, dtype=bool)
        area[int(y), int(x)] = True
        assert hit(coarse, area) == 1.0
        assert hit(coarse, ~area) == 0.0


def test_a_map_is_enlarged_linearly_between_the_centres_of_its_cells() -> None:
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))
    fine = enlarged(ramp, (8, 8))
    np.testing.assert_allclose(fine[3], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)


def test_near_is_so_many_pixels_from_the_area() -> None:
    area = square(50, 50, 10)
    near = widened(area, 7)
    assert near[55, 43]
    assert not near[55, 42]
    assert near[area].all()
    # Round the corners, not across them.
    assert not near[43, 43]


def test_a_scene_shows_its_shape_where_it_is_said_to_lie() -> None:
    """Its pixels are another's when it is moved elsewhere; the same number gives the same scene."""
    for number in range(3):
        at, again = scene(number), scene(number)
        np.testing.assert_array_equal(at.image.pixels, again.image.pixels)
        np.testing.assert_array_equal(at.area, again.area)
        assert at.label == again.label
        assert 0.01 < at.area.mean() < at.near.mean() < 0.5
        # The shape stands out: its mean colour is far from that of a ring round it.
        ring = widened(at.area, 5) & ~widened(at.area, 2)
        pixels = at.image.pixels.astype(float)
        assert np.abs(pixels[at.area].mean(0) - pixels[ring].mean(0)).max() > 20
    assert len({scene(number).label for number in range(8)}) > 3


def test_the_command_on_three_scenes(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    methods = ["grad-cam", "cam", "xgrad-cam", "random-cam", "saliency", "legrad"]
    command = [sys.executable, "benchmarks/scenes.py", "--scenes", "3"]
    out = tmp_path / "scenes.json"
    done = subprocess.run(
        [*command, "--methods", *methods, "--out", str(out)],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    found = result["methods"]
    # Without attention, this network cannot have it.
    assert set(found) == set(methods) - {"legrad"}
    assert "LeGrad" in done.stderr
    for name in ("on", "near", "energy"):
        # They differ by a factor alone where a layer is averaged and read by one linear layer.
        assert found["cam"][name] == pytest.approx(found["grad-cam"][name], abs=1e-4)
        assert found["xgrad-cam"][name] == pytest.approx(found["grad-cam"][name], abs=1e-4)
        for figures in found.values():
            assert 0 <= figures[name] <= 1
    for figures in found.values():
        assert figures["near"] >= figures["on"]
        assert figures["scenes"] == 3
        assert figures["seconds"] > 0
    areas = [scene(number).area.mean() for number in range(3)]
    assert result["chance"]["on"] == pytest.approx(float(np.mean(areas)))
    assert found["grad-cam"]["near"] > result["chance"]["near"]
    assert found["saliency"]["forward_passes"] == found["saliency"]["backward_passes"] == 1
    assert table(result) in done.stdout
