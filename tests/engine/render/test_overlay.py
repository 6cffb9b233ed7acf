"""Colours and their places, against plain loops and published colour values."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings, Sign
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import Pixels, Region
from engine.render import overlay
from tests.explanations import bilinear, explain, noise, picture

PLAIN = DisplaySettings(opacity=1.0, fade=False)


# --- colour tables -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("inferno", (0, 0, 4), (252, 255, 164)),
        ("viridis", (68, 1, 84), (253, 231, 37)),
        ("cividis", (0, 34, 78), (254, 232, 56)),
        ("turbo", (48, 18, 59), (122, 4, 3)),
        ("jet", (0, 0, 128), (128, 0, 0)),
        ("coolwarm", (59, 76, 192), (180, 4, 38)),
    ],
)
def test_tables_are_the_published_ones_in_rgb(
    name: str, low: tuple[int, ...], high: tuple[int, ...]
) -> None:
    table = overlay.lookup_table(name).astype(int)
    assert table.shape == (256, 3)
    assert np.abs(table[0] - low).max() <= 3
    assert np.abs(table[255] - high).max() <= 3


def test_inferno_comes_first_and_rainbows_are_legacy() -> None:
    assert overlay.COLORMAPS[0] == DisplaySettings().colormap == "inferno"
    assert {"jet", "turbo", "coolwarm"} == overlay.LEGACY
    assert set(overlay.COLORMAPS) > overlay.LEGACY


def lightness(table: Pixels) -> FloatMap:
    as_float = table.reshape(1, -1, 3).astype(np.float32) / 255
    lightness: FloatMap = cv2.cvtColor(as_float, cv2.COLOR_RGB2LAB)[0, :, 0]
    return lightness


@pytest.mark.parametrize("name", ["inferno", "viridis", "cividis"])
def test_sequential_maps_grow_lighter_all_the_way(name: str) -> None:
    steps = np.diff(lightness(overlay.lookup_table(name))[::8])
    assert (steps > 0).all()


def test_diverging_map_is_balanced_and_neutral_in_its_middle() -> None:
    table = overlay.lookup_table("signed")
    light = lightness(table)
    assert (np.diff(light[128:][::4]) > 0).all()
    assert (np.diff(light[:128][::4]) < 0).all()
    assert np.abs(light - light[::-1]).max() < 6
    assert np.ptp(table[127:129].astype(int), axis=1).max() <= 3
    blue, orange = table[0].astype(int), table[255].astype(int)
    assert blue[2] > blue[0] + 60
    assert orange[0] > orange[2] + 60


def test_unknown_colour_map_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="inferno"):
        overlay.lookup_table("rainbow")


# --- scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.2])
def test_scale_follows_its_formula(gamma: float) -> None:
    map = noise(5, 6)
    positive = overlay.scale(map, DisplaySettings(sign="positive", gamma=gamma))
    negative = overlay.scale(map, DisplaySettings(sign="negative", gamma=gamma))
    signed = overlay.scale(map, DisplaySettings(sign="signed", gamma=gamma))
    largest = np.abs(map).max()
    np.testing.assert_allclose(positive, (np.maximum(map, 0) / map.max()) ** gamma, atol=1e-6)
    np.testing.assert_allclose(negative, (np.maximum(-map, 0) / -map.min()) ** gamma, atol=1e-6)
    magnitude = (np.abs(map) / largest) ** gamma
    np.testing.assert_allclose(signed, 0.5 + np.sign(map) * magnitude / 2, atol=1e-6)
    assert positive.dtype == negative.dtype == signed.dtype == np.float32


@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1e-42, 3e38, -3e38])
def test_scale_stays_a_number_between_0_and_1(sign: Sign, value: float) -> None:
    map = np.full((3, 3), value, np.float32)
    settings = DisplaySettings(sign=sign)
    scaled = overlay.scale(map, settings)
    assert np.isfinite(scaled).all()
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    assert all(math.isfinite(end) for end in overlay.value_range(map, settings))


@pytest.mark.parametrize(("sign", "expected"), [("positive", 0), ("negative", 0), ("signed", 0.5)])
def test_nothing_to_show(sign: Sign, expected: float) -> None:
    map = np.zeros((2, 2), np.float32) if sign == "signed" else noise(2, 2)
    if sign == "positive":
        map = -np.abs(map)
    if sign == "negative":
        map = np.abs(map)
    settings = DisplaySettings(sign=sign)
    assert (overlay.scale(map, settings) == expected).all()
    assert overlay.is_blank(map, settings)
    assert overlay.value_range(map, settings) == (0, 0)


@pytest.mark.parametrize(
    ("values", "sign", "part", "weak"),
    [
        ((0.03, -1.0), "positive", 0.03, True),
        ((0.03, -1.0), "negative", 1.0, False),
        ((0.03, -1.0), "signed", 1.0, False),
        ((0.2, -0.008), "negative", 0.04, True),
        ((0.06, -1.0), "positive", 0.06, False),
        ((-0.5, -1.0), "positive", 0.0, False),
        ((0.0, 0.0), "signed", 0.0, False),
        ((1e-44, np.nan), "positive", 1.0, False),
    ],
)
def test_a_map_is_weak_where_nearly_all_of_it_has_the_other_sign(
    values: tuple[float, float], sign: Sign, part: float, weak: bool
) -> None:
    map, settings = np.array([values], np.float32), DisplaySettings(sign=sign)
    assert overlay.shown_part(map, settings) == pytest.approx(part)
    assert overlay.is_weak(map, settings) is weak


def test_value_range_is_what_the_ends_of_the_bar_stand_for() -> None:
    map = np.array([[-3.0, 0.5], [2.0, 1.0]], np.float32)
    assert overlay.value_range(map, DisplaySettings(sign="positive")) == (0, 2)
    assert overlay.value_range(map, DisplaySettings(sign="negative")) == (0, -3)
    assert overlay.value_range(map, DisplaySettings(sign="signed")) == (-3, 3)


@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_a_cell_has_the_colour_of_its_value_on_the_bar(sign: Sign, gamma: float) -> None:
    map = np.linspace(-1, 1, 21, dtype=np.float32).reshape(3, 7)
    settings = DisplaySettings(sign=sign, gamma=gamma, fade=False)
    low, high = overlay.value_range(map, settings)
    bar = overlay.bar_colors(settings, 2001).astype(int)
    painted = overlay.colorize(map, settings, (7, 3)).astype(int)
    for (row, column), value in np.ndenumerate(map):
        fraction = min(max((value - low) / (high - low), 0.0), 1.0)
        assert np.abs(painted[row, column] - bar[round(fraction * 2000)]).max() <= 6


# --- resampling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (1, 1), (1, 4)])
@pytest.mark.parametrize("sign", ["positive", "signed"])
def test_smooth_is_bilinear_between_cell_centres(shape: tuple[int, int], sign: Sign) -> None:
    map = noise(*shape)
    settings = DisplaySettings(sign=sign)
    width, height = 46, 31
    painted = overlay.colorize(map, settings, (width, height)).astype(int)
    table = overlay.table_for(settings).astype(int)
    ends = overlay.scale(map, settings)
    for y in range(0, height, 5):
        for x in range(0, width, 5):
            u, v = (x + 0.5) / width * shape[1], (y + 0.5) / height * shape[0]
            index = bilinear(ends, u, v) * 255
            near = table[max(0, math.floor(index) - 1) : math.ceil(index) + 2]
            assert np.abs(near - painted[y, x]).max(axis=1).min() <= 2


def test_a_cell_centre_keeps_its_own_value() -> None:
    map = np.zeros((4, 4), np.float32)
    map[1, 2] = 1.0
    painted = overlay.colorize(map, PLAIN, (36, 36))
    brightest = overlay.lookup_table("inferno")[255]
    assert (painted[13, 22] == brightest).all()
    assert (painted == brightest).all(axis=2).sum() == 1


def test_grid_repeats_cells_exactly() -> None:
    map = noise(3, 5)
    settings = replace(PLAIN, interpolation="grid")
    cells = overlay.colorize(map, settings, (5, 3))
    large = overlay.colorize(map, settings, (50, 21))
    np.testing.assert_array_equal(large, cells.repeat(7, axis=0).repeat(10, axis=1))


def test_a_part_equals_the_same_part_of_the_whole() -> None:
    map = noise(6, 6)
    for interpolation in ("smooth", "grid"):
        settings = replace(PLAIN, interpolation=interpolation)
        whole, table = overlay.indexed_layer(map, settings, (120, 60))
        part, same = overlay.indexed_layer(map, settings, (30, 30), (0.25, 0.5, 0.5, 1.0))
        np.testing.assert_array_equal(part, whole[30:60, 30:60])
        np.testing.assert_array_equal(same, table)


def test_fewer_pixels_than_cells_show_means() -> None:
    map = np.tile(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32), (8, 8))
    painted = overlay.colorize(map, PLAIN, (8, 8))
    assert (painted == overlay.lookup_table("inferno")[64]).all()


# --- where the scale ends ------------------------------------------------------------------------


def spiked(sign: float = 1.0) -> FloatMap:
    """1,000 pixels with magnitudes from 0.001 to 1, but for the last, which has 10."""
    values = np.arange(1, 1001, dtype=np.float32) / 1000
    values[-1] = 10
    return np.ascontiguousarray(sign * values.reshape(25, 40))


def by(method: str, map: FloatMap) -> Explanation:
    rows, columns = map.shape
    return replace(explain(map, Region(0, 0, columns, rows), (columns, rows)), method=method)


@pytest.mark.parametrize(
    ("sign", "of", "wanted"),
    [
        ("positive", 1.0, (0, 0.995)),
        ("negative", -1.0, (0, -0.995)),
        ("signed", 1.0, (-0.995, 0.995)),
        ("positive", -1.0, (0, 0)),
    ],
)
def test_a_map_of_pixels_ends_where_all_but_a_few_do(
    sign: Sign, of: float, wanted: tuple[float, float]
) -> None:
    map, settings = spiked(of), DisplaySettings(sign=sign)
    pixels, layer = by("saliency", map), by("grad-cam", map)
    assert (overlay.share_of(pixels), overlay.share_of(layer)) == (0.995, 1.0)
    assert overlay.value_range(map, settings, overlay.share_of(pixels)) == pytest.approx(wanted)
    assert 10 in np.abs(overlay.value_range(map, settings)) or wanted == (0, 0)


def test_what_goes_beyond_the_end_has_its_colour_and_nothing_else_does() -> None:
    map, end = spiked(), 0.995
    scaled = overlay.scale(map, PLAIN, 0.995)
    np.testing.assert_allclose(scaled, np.minimum(map / end, 1), atol=1e-6)
    painted = overlay.blend(np.zeros((25, 40, 3), np.uint8), by("saliency", map), PLAIN)
    wanted = overlay.lookup_table("inferno")[np.rint(scaled * 255).astype(int)]
    np.testing.assert_array_equal(painted, wanted)
    # One pixel takes all of the colours of a scale that ends at the largest.
    dark = overlay.blend(np.zeros((25, 40, 3), np.uint8), by("grad-cam", map), PLAIN)
    assert dark.mean() < painted.mean() / 3


@pytest.mark.parametrize(
    ("sign", "of", "first", "last"),
    [
        ("positive", 1.0, "0", "\u2265 0.995"),
        ("negative", -1.0, "0", "\u2264 \u22120.995"),
        ("signed", 1.0, "\u22120.995", "\u2265 0.995"),
        ("signed", -1.0, "\u2264 \u22120.995", "0.995"),
    ],
)
def test_the_bar_says_where_values_go_beyond_its_end(
    sign: Sign, of: float, first: str, last: str
) -> None:
    settings = DisplaySettings(sign=sign)
    found = overlay.bar_marks(by("saliency", spiked(of)), settings, 0.2)
    assert (found[0][1], found[-1][1]) == (first, last)
    assert not any("\u2265" in text or "\u2264" in text for _, text in found[1:-1])
    whole = overlay.bar_marks(by("grad-cam", spiked(of)), settings, 0.2)
    ends = overlay.value_range(spiked(of), settings)
    assert whole == overlay.marks(*ends, 0.2)


def test_a_map_that_is_zero_but_for_a_few_pixels_is_still_shown() -> None:
    """The magnitude that nearly all keep within is zero there."""
    map = np.zeros((100, 100), np.float32)
    map[3, 4] = 2.0
    assert overlay.value_range(map, PLAIN, 0.995) == (0, 2)
    assert overlay.bar_marks(by("guided-grad-cam", map), PLAIN, 0.2)[-1][1] == "2.00"


def test_where_the_scale_ends_is_no_matter_of_weakness() -> None:
    """The positive ones are nothing beside the largest negative one, beyond the scale's end."""
    map = spiked(-1.0)
    map[0, 0] = 0.4
    assert overlay.shown_part(map, PLAIN) == pytest.approx(0.04)
    assert overlay.is_weak(map, PLAIN)


# --- placing -------------------------------------------------------------------------------------


def reference_blend(
    pixels: Pixels, explanation: Explanation, settings: DisplaySettings
) -> tuple[Pixels, Pixels]:
    """Pixel by pixel: expected picture, and which pixels belong to the region."""
    region, map = explanation.region, overlay.scale(explanation.map, settings)
    rows, columns = map.shape
    expected = pixels.copy()
    inside = np.zeros(pixels.shape[:2], np.uint8)
    table = overlay.table_for(settings).astype(float)
    for y, x in np.ndindex(*pixels.shape[:2]):
        u = (x + 0.5 - region.x) / region.width * columns
        v = (y + 0.5 - region.y) / region.height * rows
        if not (0 <= u < columns and 0 <= v < rows):
            continue
        inside[y, x] = 1
        if settings.interpolation == "grid":
            scaled = float(map[int(v), int(u)])
        else:
            scaled = bilinear(map, u, v)
        color = table[round(scaled * 255)]
        far = abs(2 * scaled - 1) if settings.sign == "signed" else scaled
        part = settings.opacity * (far if settings.fade else 1)
        mixed = pixels[y, x] * (1 - part) + color * part
        expected[y, x] = np.rint(mixed)
    return expected, inside


REGIONS = [
    Region(4.4, 3.7, 31.2, 24.9),
    Region(0, 0, 48, 40),
    Region(-10.5, -6.25, 70, 60),
    Region(30, 20, 40, 40),
]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("interpolation", ["smooth", "grid"])
@pytest.mark.parametrize("sign", ["positive", "signed"])
@pytest.mark.parametrize("fade", [True, False])
def test_blend_pixel_by_pixel(region: Region, interpolation: str, sign: Sign, fade: bool) -> None:
    pixels = picture(48, 40)
    explanation = explain(noise(3, 4), region, (48, 40))
    settings = DisplaySettings(0.4, interpolation=interpolation, sign=sign, fade=fade)  # type: ignore[arg-type]
    before = pixels.copy()
    result = overlay.blend(pixels, explanation, settings)
    expected, inside = reference_blend(pixels, explanation, settings)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(result[inside == 0], pixels[inside == 0])
    # One step of the colour table, times the opacity, where a value lies between two entries.
    assert np.abs(result.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("region", REGIONS)
def test_no_opacity_is_the_original(region: Region) -> None:
    pixels = picture(48, 40)
    explanation = explain(noise(7, 7), region, (48, 40))
    result = overlay.blend(pixels, explanation, DisplaySettings(opacity=0.0))
    np.testing.assert_array_equal(result, pixels)
    assert not np.shares_memory(result, pixels)


def test_full_opacity_is_colour_only() -> None:
    explanation = explain(noise(7, 7), Region(0, 0, 48, 40), (48, 40))
    result = overlay.blend(picture(48, 40), explanation, PLAIN)
    np.testing.assert_array_equal(result, overlay.colorize(explanation.map, PLAIN, (48, 40)))


def test_bands_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture(64, 50)
    explanation = explain(noise(7, 7), Region(3.3, 2.2, 55.5, 44.4), (64, 50))
    whole = overlay.blend(pixels, explanation, DisplaySettings())
    monkeypatch.setattr(overlay, "_BAND_PIXELS", 100)
    np.testing.assert_array_equal(overlay.blend(pixels, explanation, DisplaySettings()), whole)


def test_a_region_outside_changes_nothing() -> None:
    pixels = picture(20, 10)
    explanation = explain(noise(2, 2), Region(25, 0, 10, 10), (20, 10))
    np.testing.assert_array_equal(overlay.blend(pixels, explanation, PLAIN), pixels)


def test_cell_under_a_point() -> None:
    map = np.arange(6, dtype=np.float32).reshape(2, 3)
    explanation = explain(map, Region(10, 20, 30, 40), (100, 100))
    assert overlay.cell_at(explanation, 10, 20) == (0, 0)
    assert overlay.cell_at(explanation, 19.9, 39.9) == (0, 0)
    assert overlay.cell_at(explanation, 20, 40) == (1, 1)
    assert overlay.cell_at(explanation, 39.99, 59.99) == (1, 2)
    assert overlay.value_at(explanation, 25, 45) == 4.0
    for outside in [(9.9, 30), (40, 30), (20, 19.9), (20, 60)]:
        assert overlay.cell_at(explanation, *outside) is None
        assert overlay.value_at(explanation, *outside) is None


def test_beyond_the_image_there_is_no_cell() -> None:
    explanation = explain(noise(4, 4), Region(-10, -10, 40, 40), (20, 20))
    assert overlay.cell_at(explanation, -1, 5) is None
    assert overlay.cell_at(explanation, 20, 5) is None
    assert overlay.cell_at(explanation, 19.5, 5) is not None


def test_the_peak_lies_in_the_cell_of_the_maximum() -> None:
    explanation = explain(noise(7, 5), Region(3.5, 1.5, 41.0, 33.3), (48, 40))
    assert overlay.value_at(explanation, *explanation.peak) == explanation.map.max()


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.279), (-3.3, 3.3), (0, -0.034), (0, 1e-9), (0, 7e8), (2, 2.5)]
)
def test_ticks_are_few_round_and_in_order(low: float, high: float) -> None:
    found = overlay.ticks(low, high)
    assert 2 <= len(found) <= 5
    assert list(found) == sorted(found, reverse=high < low)
    slack = abs(high - low) * 1e-5
    assert min(low, high) - slack <= min(found)
    assert max(found) <= max(low, high) + slack
    step = abs(found[1] - found[0])
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 5, 10)) < 1e-6


def test_an_empty_range_has_no_ticks() -> None:
    assert overlay.ticks(0, 0) == ()
    assert overlay.ticks(0, math.nan) == ()
    assert overlay.ticks(0, math.inf) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.8312, "0.831"),
        (12.44, "12.4"),
        (-0.5, "−0.5"),
        (1234, "1234"),
        (123456, "1.2e5"),
        (-3.1e-5, "−3.1e-5"),
        (0.001, "0.001"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert overlay.number_text(value) == text


def test_marks_hold_both_ends_and_the_zero_between() -> None:
    assert [text for _, text in overlay.marks(-0.279, 0.279, 0.3)] == ["−0.279", "0", "0.279"]
    marks = overlay.marks(0, 0.279, 0.1)
    assert marks[0] == (0.0, "0")
    assert marks[-1] == (1.0, "0.279")
    places = [place for place, _ in marks]
    assert min(np.diff(places)) >= 0.1
    for place, text in marks:
        assert float(text) == pytest.approx(place * 0.279, abs=1e-9)
    assert overlay.marks(0, 0, 0.1) == ((0.0, "0"),)
