"""Where the parts of a figure are, and how large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ExportError
from engine.figures.drawing import POINTS_TO_THE_MM, Bar, Drawing, Frame, Picture, Words
from engine.figures.layout import (
    LEAST_PIXELS,
    check_room,
    columns_for,
    figure,
    in_rows,
    tile_pixels,
    with_bare,
)
from engine.figures.lettering import Lettering
from engine.figures.panes import cropped, fitted, pane_of
from engine.records.figures import FigureForm
from engine.records.images import Region
from engine.render import overlay
from engine.render.fonts import fonts, writes
from tests.engine.figures.pages import SETTINGS, drawing, pane, scale
from tests.explanations import explain, noise, picture


def pictures(drawn: Drawing) -> list[Picture]:
    return [part for part in drawn.parts if isinstance(part, Picture)]


def words(drawn: Drawing) -> list[str]:
    return [part.text for part in drawn.parts if isinstance(part, Words)]


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 30])
@pytest.mark.parametrize("dpi", [72, 150, 300, 600])
def test_a_picture_is_never_narrower_than_160_pixels(columns: int, dpi: int) -> None:
    form = FigureForm(dpi=dpi)
    assert tile_pixels(columns, form) >= LEAST_PIXELS
    drawn = figure([[pane()] * columns], form, [])
    assert all(part.pixels.shape[1] >= LEAST_PIXELS for part in pictures(drawn))


def test_a_width_is_kept_to() -> None:
    drawn = figure([[pane()] * 3], FigureForm(width=120.0), [scale()])
    assert drawn.width == pytest.approx(120.0 * POINTS_TO_THE_MM)


def test_a_width_that_is_too_narrow_says_what_is_needed() -> None:
    form = FigureForm(width=60.0, dpi=150)
    with pytest.raises(ExportError, match=r"4 columns of 160 pixels at 150 dpi need (\d+) mm") as e:
        figure([[pane()] * 4], form, [])
    needed = float(str(e.value).split("need ")[1].split(" mm")[0])
    figure([[pane()] * 4], replace(form, width=needed), [])
    with pytest.raises(ExportError):
        figure([[pane()] * 4], replace(form, width=needed - 1), [])


def test_a_width_decides_on_the_columns_of_a_sheet() -> None:
    form = FigureForm(width=70.0, dpi=150)
    assert columns_for(100, FigureForm()) == 10
    assert columns_for(100, FigureForm(columns=3)) == 3
    rows = in_rows([pane()] * 7, form)
    assert [len(row) for row in rows] == [2, 2, 2, 1]
    figure(rows, form, [])
    assert [len(row) for row in in_rows([pane()] * 7, FigureForm(columns=5))] == [5, 2]


def test_nothing_lies_over_anything_else_or_beyond_the_page() -> None:
    long = "a name that is much longer than the picture below it is wide, by far"
    row = [pane(words=(long, "0 to 2", "a caution")), pane(100, 300, seed=1), pane(300, 100)]
    drawn = figure([row, row[:2]], FigureForm(outline=True), [scale(long)] * 2, [long * 5])
    lettering = Lettering(words(drawn))
    boxes = []
    for part in drawn.parts:
        if isinstance(part, Words):
            width = lettering.width(part.text, part.size)
            left = part.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[part.anchor] * width
            boxes.append((left, part.base - 0.7 * part.size, left + width, part.base))
        elif isinstance(part, Picture | Bar):
            boxes.append((part.left, part.top, part.left + part.width, part.top + part.height))
    for one, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert top >= 0
        assert right <= drawn.width + 0.01
        assert bottom <= drawn.height
        for other in boxes[one + 1 :]:
            apart = right <= other[0] + 0.01 or other[2] <= left + 0.01
            assert apart or bottom <= other[1] + 0.01 or other[3] <= top + 0.01


def test_pictures_keep_their_proportions() -> None:
    drawn = figure([[pane(300, 100), pane(100, 500)]], FigureForm(), [])
    for part, aspect in zip(pictures(drawn), (1 / 3, 5.0), strict=True):
        assert part.height / part.width == pytest.approx(aspect)
        rows, columns, _ = part.pixels.shape
        assert rows / columns == pytest.approx(aspect, rel=0.02)


def test_the_pixels_are_those_of_the_dpi() -> None:
    for dpi in (100, 300):
        drawn = figure([[pane()]], FigureForm(width=85.0, dpi=dpi), [])
        part = pictures(drawn)[0]
        assert part.pixels.shape[1] == round(part.width / 72 * dpi)


def test_the_outline_is_that_of_the_region() -> None:
    drawn = figure([[pane()]], FigureForm(outline=True), [])
    part = pictures(drawn)[0]
    inner = [p for p in drawn.parts if isinstance(p, Frame)][-1]
    assert inner.left == pytest.approx(part.left + part.width / 4, abs=1)
    assert inner.width == pytest.approx(part.width / 2, abs=2)
    without = figure([[pane()]], FigureForm(), [])
    assert not [p for p in without.parts if isinstance(p, Frame)]


def test_the_outline_of_a_region_at_the_edge_stays_on_the_picture() -> None:
    drawn = figure([[pane()]], FigureForm(outline=True), [])
    part = pictures(drawn)[0]
    frames = [p for p in drawn.parts if isinstance(p, Frame)]
    assert frames
    for frame in frames:
        # The region is as high as the picture.
        out = frame.thickness / 2
        assert frame.top - out >= part.top - 1e-6
        assert frame.top + frame.height + out <= part.top + part.height + 1e-6


def test_cropped_it_shows_the_region_alone() -> None:
    whole = pane(240, 160)
    alone = cropped(whole)
    np.testing.assert_array_equal(alone.pixels, whole.pixels[:, 60:180])
    drawn = figure([[whole]], FigureForm(crop=True, outline=True), [])
    rows, columns, _ = pictures(drawn)[0].pixels.shape
    assert rows / columns == pytest.approx(160 / 120, rel=0.02)
    assert not [p for p in drawn.parts if isinstance(p, Frame)]


def test_bare_images_stand_before_their_maps() -> None:
    first, second = pane(seed=0), pane(seed=1)
    rows = with_bare([[first, first, second]])
    assert [one.explanation is None for one in rows[0]] == [True, False, False, True, False]
    form = FigureForm(beside=True)
    assert [len(row) for row in in_rows([first] * 4, form)] == [3, 2]
    drawn = figure(with_bare([[first]]), form, [])
    bare = pictures(drawn)[0].pixels.astype(int)
    blended = pictures(drawn)[1].pixels.astype(int)
    # Outside the region both are the image.
    quarter = bare.shape[1] // 4
    np.testing.assert_array_equal(bare[:, : quarter - 1], blended[:, : quarter - 1])
    assert np.abs(bare - blended)[:, quarter + 1 : 3 * quarter - 1].max() > 20


def test_without_a_caption_the_bar_stays() -> None:
    drawn = drawing(FigureForm(caption=False))
    assert "one caption" not in words(drawn)
    assert "Grad-CAM value" in words(drawn)
    assert "one caption" in words(drawing())


@pytest.mark.parametrize("paper", ["light", "dark", "transparent"])
def test_words_are_readable_on_their_paper(paper: str) -> None:
    """Of WCAG's relative luminance, 4.5 to 1 at least."""

    def luminance(ink: tuple[int, ...]) -> float:
        parts = [v / 255 for v in ink]
        lit = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * lit[0] + 0.7152 * lit[1] + 0.0722 * lit[2]

    drawn = drawing(FigureForm(paper=paper))  # type: ignore[arg-type]
    assert (drawn.paper is None) == (paper == "transparent")
    # What is behind a transparent figure is paper.
    behind = luminance(drawn.paper or (255, 255, 255))
    for part in drawn.parts:
        if isinstance(part, Words):
            low, high = sorted((behind, luminance(part.ink)))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_figure_beyond_all_measure_is_refused() -> None:
    with pytest.raises(ExportError, match="pixels"):
        figure([[pane()]], FigureForm(width=2000.0, dpi=2400), [])
    with pytest.raises(ExportError, match="pixels"):
        check_room(100_000, None, FigureForm(), 1.0)
    with pytest.raises(ExportError, match="mm"):
        check_room(8, 8, FigureForm(width=50.0, dpi=100), 1.0)
    check_room(100, None, FigureForm(), 1.5)


def test_a_reduced_image_has_its_map_where_it_was() -> None:
    """A large image is reduced before its figure is known; the map stays in its place."""
    pixels = picture(1200, 800)
    explanation = explain(np.abs(noise(4, 4)), Region(300.0, 100.0, 600.0, 600.0), (1200, 800))
    small = pane_of(pixels, explanation, SETTINGS, most=200)
    assert small.pixels.shape == (267, 400, 3)
    assert small.explanation is not None
    region = small.explanation.region
    assert region.x == pytest.approx(100.0)
    assert region.width == pytest.approx(200.0)
    assert region.y == pytest.approx(100.0 / 800 * 267)
    full = overlay.blend(fitted(small, (400, 267)).pixels, small.explanation, SETTINGS)
    assert full.shape == small.pixels.shape
    assert pane_of(pixels, explanation, SETTINGS, most=5000).pixels is pixels


class TestLettering:
    def test_folded_lines_fit_and_lose_nothing(self) -> None:
        text = "encoder.layers.encoder_layer_11.self_attention.out_proj of a long network"
        lettering = Lettering([text])
        for room in (40.0, 70.0, 120.0, 500.0):
            lines = lettering.folded(text, 7.0, room, 99)
            assert all(lettering.width(line, 7.0) <= room for line in lines)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")

    def test_the_last_line_is_shortened_in_the_middle(self) -> None:
        text = "a first word, then others, and the end"
        lettering = Lettering([text, "…"])
        lines = lettering.folded(text, 7.0, 60.0, 2)
        assert len(lines) == 2
        assert "…" in lines[1]
        assert lines[1].endswith("d")
        assert lettering.width(lines[1], 7.0) <= 60.0

    def test_names_are_broken_after_a_dot(self) -> None:
        lettering = Lettering(["layer2.0.downsample.0"])
        assert lettering.folded("layer2.0.downsample.0", 7.0, 60.0, 3)[0].endswith(".")


class TestNamesThatNoFontWritesWhole:
    """A name may hold signs that no font of the system has."""

    UNKNOWN = "\ue123"  # for private use: no font draws it

    def test_the_other_lines_keep_one_font(self) -> None:
        texts = [f"größe {self.UNKNOWN}.png", "−0.5 to 1", "0 to 1", "bee 93 %"]
        lettering = Lettering(texts)
        assert len({id(lettering.font(text)) for text in texts}) == 1

    def test_no_more_of_it_is_replaced_than_has_to_be(self) -> None:
        font = next((one for one in fonts(64) if writes(one, "größe")), None)
        if font is None:
            pytest.skip("no font here writes umlauts")
        text = f"größe {self.UNKNOWN}.png"
        assert Lettering([text, "bee"]).written(text) == "größe ?.png"
