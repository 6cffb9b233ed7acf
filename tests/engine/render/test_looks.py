"""Fading, backdrops, contours, looks by name, and a bar that agrees with what is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings, Interpolation, Sign
from engine.records.images import Region
from engine.render import backdrop, overlay
from engine.render.contours import segments
from engine.render.looks import LOOKS, contour_levels, contour_text, find, look_of, with_look
from tests.explanations import bilinear, explain, noise, picture

SIZE = (64, 48)
WHOLE = Region(0, 0, *SIZE)


# --- fading --------------------------------------------------------------------------------------


def test_where_the_map_is_zero_the_image_is_as_it_was() -> None:
    map = np.zeros((4, 4), np.float32)
    map[0, 0] = 1.0
    pixels = picture(*SIZE)
    shown = overlay.blend(
        pixels, explain(map, WHOLE, SIZE), DisplaySettings(opacity=1.0, interpolation="grid")
    )
    np.testing.assert_array_equal(shown[12:], pixels[12:])
    np.testing.assert_array_equal(shown[:, 16:], pixels[:, 16:])
    assert (shown[:12, :16] == overlay.lookup_table("inferno")[255]).all()


def test_a_signed_map_is_clear_at_zero_and_coloured_on_both_sides() -> None:
    map = np.array([[-1.0, 0.0, 1.0]], np.float32)
    pixels = picture(*SIZE)
    settings = DisplaySettings(opacity=1.0, interpolation="grid", sign="signed")
    shown = overlay.blend(pixels, explain(map, Region(0, 0, 63, 48), SIZE), settings)
    np.testing.assert_array_equal(shown[:, 21:42], pixels[:, 21:42])
    table = overlay.lookup_table("signed")
    assert (shown[:, :21] == table[0]).all()
    assert (shown[:, 42:63] == table[255]).all()


@pytest.mark.parametrize("fade", [True, False])
@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
def test_a_map_with_nothing_to_show_leaves_the_image_alone(sign: Sign, fade: bool) -> None:
    map = {"positive": -1.0, "negative": 1.0, "signed": 0.0}[sign] * np.ones((3, 3), np.float32)
    pixels = picture(*SIZE)
    settings = DisplaySettings(1.0, sign=sign, fade=fade, contours=(0.5,), end=2.0)
    shown = overlay.blend(pixels, explain(map, WHOLE, SIZE), settings)
    np.testing.assert_array_equal(shown, pixels)
    assert not overlay.layer(map, settings, (8, 8))[:, :, 3].any()


@pytest.mark.parametrize("fade", [True, False])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
def test_a_layer_has_the_colour_and_the_opacity_of_each_value(
    sign: Sign, gamma: float, fade: bool
) -> None:
    """By the formula, pixel by pixel; places on a table say the same."""
    map, settings = noise(5, 7), DisplaySettings(0.8, sign=sign, gamma=gamma, fade=fade)
    width, height = 56, 30
    seen = overlay.layer(map, settings, (width, height)).astype(int)
    places, table = overlay.indexed_layer(map, settings, (width, height))
    np.testing.assert_array_equal(table[places], seen)
    colors = overlay.table_for(settings).astype(int)
    most = float(np.abs(map).max())
    ends = {"positive": map.clip(min=0) / map.max(), "negative": map.clip(max=0) / map.min()}
    cells = ends.get(sign, map / most)
    for y, x in np.ndindex(height, width):
        value = bilinear(cells, (x + 0.5) / width * 7, (y + 0.5) / height * 5)
        far = abs(value) ** gamma
        place = 127.5 + np.copysign(127.5 * far, value) if sign == "signed" else 255 * far
        near = colors[max(0, int(place) - 1) : int(place) + 3]
        assert np.abs(near - seen[y, x, :3]).max(axis=1).min() == 0
        assert abs(seen[y, x, 3] - 255 * 0.8 * (far if fade else 1.0)) <= 2.0


def test_where_both_signs_are_shown_zero_is_clear() -> None:
    map = np.array([[-1.0, 0.0, 1.0]], np.float32)
    settings = DisplaySettings(1.0, sign="signed", interpolation="grid")
    assert overlay.layer(map, settings, (3, 1))[0, :, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
@pytest.mark.parametrize("fade", [True, False])
def test_the_bar_shows_what_is_seen_over_a_grey_image(sign: Sign, gamma: float, fade: bool) -> None:
    """Each value has, over mid-grey and at full opacity, the colour of its place on the bar."""
    map = np.linspace(-1, 1, 21, dtype=np.float32).reshape(3, 7)
    settings = DisplaySettings(1.0, sign=sign, gamma=gamma, interpolation="grid", fade=fade)
    grey = np.full((3, 7, 3), 128, np.uint8)
    seen = overlay.blend(grey, explain(map, Region(0, 0, 7, 3), (7, 3)), settings).astype(int)
    low, high = overlay.value_range(map, settings)
    bar = overlay.bar_colors(settings, 2001).astype(int)
    for (row, column), value in np.ndenumerate(map):
        place = min(max((value - low) / (high - low), 0.0), 1.0)
        assert np.abs(seen[row, column] - bar[round(place * 2000)]).max() <= 6


def test_the_squares_of_the_bar_are_the_grey_of_its_colours() -> None:
    settings = DisplaySettings(sign="signed")
    drawn = overlay.bar_picture(settings, 90, 8, 4).astype(float)
    means = (drawn[:4] + drawn[4:]).mean(axis=0) / 2
    assert np.abs(means - overlay.bar_colors(settings, 90)).max() <= 1
    assert np.ptp(drawn[:, 44:46], axis=0).max() > 30
    assert np.ptp(drawn[:, 0], axis=0).max() == 0
    veil = overlay.bar_picture(replace(settings, fade=False), 90, 8, 4)
    assert (veil == veil[:1]).all()


# --- backdrops -----------------------------------------------------------------------------------


def test_the_grey_picture_is_grey_everywhere_and_as_bright_as_it_was() -> None:
    pixels = picture(*SIZE)
    map = np.zeros((2, 2), np.float32)
    shown = overlay.blend(pixels, explain(map, WHOLE, SIZE), DisplaySettings(backdrop="grey"))
    assert (shown == shown[:, :, :1]).all()
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(shown[:, :, 0] - luma).max() <= 1


def test_edges_lie_where_the_image_changes_and_nowhere_else() -> None:
    pixels = np.full((300, 400, 3), 60, np.uint8)
    pixels[100:200, 150:300] = (200, 180, 160)
    found = backdrop.edges(pixels)
    assert found.shape == (300, 400)
    y, x = np.nonzero(found)
    to_box = np.minimum.reduce(
        [np.abs(y - 99.5), np.abs(y - 199.5), np.abs(x - 149.5), np.abs(x - 299.5)]
    )
    assert to_box.max() <= 2
    assert 450 < len(y) < 600
    assert not backdrop.edges(np.full((50, 60, 3), 90, np.uint8)).any()


def test_edges_of_a_large_image_are_those_of_the_same_scene_at_a_smaller_size() -> None:
    small = np.full((768, 1024, 3), 60, np.uint8)
    cv2.circle(small, (500, 380), 200, (220, 200, 20), -1)
    large = cv2.resize(small, (4096, 3072), interpolation=cv2.INTER_NEAREST)
    one, other = backdrop.edges(small) > 0, backdrop.edges(large) > 0
    assert one.shape == other.shape
    near = cv2.dilate(one.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert near[other].mean() > 0.99
    assert other.sum() > 0.8 * one.sum()


# --- contours ------------------------------------------------------------------------------------


def value_at(map: np.ndarray, x: float, y: float) -> float:
    """Bilinear between cell centres, by OpenCV's own sampling."""
    at = np.array([[x - 0.5]], np.float32), np.array([[y - 0.5]], np.float32)
    return float(cv2.remap(map, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0, 0])


@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
def test_a_contour_lies_where_the_map_has_its_value(sign: Sign) -> None:
    map = noise(6, 9)
    settings = DisplaySettings(sign=sign, contours=(0.3, 0.6))
    lines = segments(explain(map, WHOLE, SIZE), settings)
    assert len(lines) > 50
    end = overlay.value_range(map, settings)[1]
    # Values of the other sign are zero before what is between cells is looked at.
    map = {"positive": np.maximum(map, 0), "negative": np.minimum(map, 0)}.get(sign, map)
    levels = np.array([0.3, 0.6, -0.3, -0.6] if sign == "signed" else [0.3, 0.6]) * end
    seen = set()
    for x, y in lines.reshape(-1, 2):
        apart = np.abs(levels - value_at(map, x * 9, y * 6))
        seen.add(int(apart.argmin()))
        assert apart.min() < 0.06 * abs(end)
    assert seen == set(range(len(levels)))


def test_contours_of_one_hill_are_closed_rings_around_it() -> None:
    y, x = np.mgrid[-1:1:15j, -1:1:15j]
    hill = np.exp(-3 * (x**2 + y**2)).astype(np.float32)
    lines = segments(explain(hill, WHOLE, SIZE), DisplaySettings(contours=(0.5,)))
    ends, counts = np.unique(np.round(lines.reshape(-1, 2), 5), axis=0, return_counts=True)
    assert (counts == 2).all()
    far = np.hypot(*(ends - 0.5).T)
    wanted = np.sqrt(np.log(2) / 3) / 2 * 14 / 15
    assert np.abs(far - wanted).max() < 0.02


def test_contours_of_a_grid_follow_the_borders_of_its_cells() -> None:
    map = np.zeros((3, 4), np.float32)
    map[1, 2] = 1.0
    settings = DisplaySettings(interpolation="grid", contours=(0.5,))
    lines = segments(explain(map, WHOLE, SIZE), settings) * (4, 3)
    corners = {(2, 1), (3, 1), (2, 2), (3, 2)}
    assert len(lines) == 4
    assert {(round(x), round(y)) for x, y in lines.reshape(-1, 2)} == corners


@pytest.mark.parametrize("interpolation", ["smooth", "grid"])
def test_contours_are_drawn_around_the_region_of_their_values(interpolation: Interpolation) -> None:
    map = np.zeros((4, 4), np.float32)
    map[1:3, 1:3] = 1.0
    pixels = np.full((400, 400, 3), 120, np.uint8)
    settings = DisplaySettings(0.0, interpolation=interpolation, contours=(0.5,))
    shown = overlay.blend(pixels, explain(map, Region(100, 100, 200, 200), (400, 400)), settings)
    y, x = np.nonzero((shown != 120).any(axis=2))
    assert {x.min() // 10, y.min() // 10} == {14}
    assert {x.max() // 10, y.max() // 10} == {25}
    assert (shown[175:225, 175:225] == 120).all()


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", ()),
        ("50", (0.5,)),
        ("75, 25 50", (0.25, 0.5, 0.75)),
        ("12.5%; 12.5", (0.125,)),
    ],
)
def test_contour_levels_as_they_are_typed(text: str, levels: tuple[float, ...]) -> None:
    assert contour_levels(text) == levels
    assert contour_levels(contour_text(levels)) == levels


_MANY = " ".join(map(str, range(1, 30)))


@pytest.mark.parametrize("text", ["0", "100", "-5", "half", "nan", "1e999", "25, 50, 101", _MANY])
def test_what_is_no_contour_level_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="25, 50, 75"):
        contour_levels(text)


def test_the_places_of_contours_on_the_bar_are_those_of_their_values() -> None:
    one = DisplaySettings(contours=(0.75, 0.25))
    assert overlay.contour_places(one) == (0.25, 0.75)
    both = replace(one, sign="signed")
    assert overlay.contour_places(both) == (0.125, 0.375, 0.625, 0.875)


# --- looks ---------------------------------------------------------------------------------------


def test_the_default_is_a_look_and_each_look_is_known_again() -> None:
    assert look_of(DisplaySettings()) == LOOKS[0].slug == "fading"
    assert len({look.slug for look in LOOKS}) == len(LOOKS)
    for look in LOOKS:
        mine = DisplaySettings(sign="signed", interpolation="grid", contours=(0.5,), end=3.0)
        dressed = with_look(mine, look.slug)
        assert look_of(dressed) == look.slug
        assert (dressed.sign, dressed.interpolation, dressed.end) == ("signed", "grid", 3.0)
        assert dressed.contours == (0.5,)
    assert look_of(DisplaySettings(opacity=0.31)) == ""
    with pytest.raises(ValueError, match="jet-squared"):
        find("rainbow")


@pytest.mark.parametrize(("slug", "power"), [("jet", 1), ("jet-squared", 2)])
def test_the_classic_looks_are_their_formula(slug: str, power: int) -> None:
    """0.6 x photograph + 0.4 x jet((map / max) ^ power), with OpenCV's own table."""
    map = np.abs(noise(5, 6))
    pixels = picture(6, 5)
    settings = replace(with_look(DisplaySettings(), slug), interpolation="grid")
    shown = overlay.blend(pixels, explain(map, Region(0, 0, 6, 5), (6, 5)), settings)
    index = np.rint((map / map.max()) ** power * 255).astype(np.uint8)
    jet = cv2.applyColorMap(index, cv2.COLORMAP_JET)[:, :, ::-1]
    assert np.abs(shown - (0.6 * pixels + 0.4 * jet)).max() <= 3


def test_coolwarm_is_the_published_map() -> None:
    """Quarter points of Moreland's table."""
    table = overlay.lookup_table("coolwarm").astype(int)
    for place, color in ((64, (141, 176, 254)), (127.5, (221, 221, 221)), (191, (244, 154, 123))):
        near = table[int(place) : int(place) + 2]
        assert np.abs(near - color).max(axis=1).min() <= 2
