"""What a figure of several maps says, and on which colour scale its panes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.comparing.naming import told_apart
from engine.comparing.sheet import (
    Shown,
    common_end,
    difference_sheet,
    settings_for,
    sheet,
    shown,
)
from engine.figures.drawing import Bar, Drawing, Picture, Words
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.figures import FigureForm
from engine.records.images import Region
from engine.records.models import Prediction
from engine.render import overlay
from tests.explanations import explain, noise

GREY = np.full((60, 90, 3), 128, np.uint8)
WHOLE = Region(0.0, 0.0, 90.0, 60.0)
FORM = FigureForm(dpi=150)


def map_of(top: float, seed: int = 0, **changes: object) -> Explanation:
    """A positive map whose largest value is `top`."""
    map = np.abs(noise(3, 3, seed))
    made = explain(map / map.max() * np.float32(top), WHOLE, (90, 60))
    return replace(made, **changes)  # type: ignore[arg-type]


def items(found: Sequence[Explanation], names: Sequence[str] = ()) -> list[Shown]:
    given = names or ["a.png"] * len(found)
    return [
        shown(GREY, one, name, "demo:shapes", 400) for one, name in zip(found, given, strict=True)
    ]


def words(drawing: Drawing) -> list[str]:
    return [part.text for part in drawing.parts if isinstance(part, Words)]


def pictures(drawing: Drawing) -> list[np.ndarray]:
    return [part.pixels for part in drawing.parts if isinstance(part, Picture)]


def test_names_have_as_many_folders_as_it_takes() -> None:
    paths = ["run1/best.pth", "run2/best.pth", "x/last.pth", "run1/best.pth", "resnet50"]
    names = told_apart(paths)
    assert names == ("run1/best.pth", "run2/best.pth", "last.pth", "run1/best.pth", "resnet50")
    assert told_apart(["/a/b/c/x", "/a/d/c/x"]) == ("b/c/x", "d/c/x")
    assert told_apart(["x", "y/x"]) == ("x", "y/x")


def test_one_scale_shows_a_value_in_one_colour() -> None:
    """The weaker map is as dark as it is weak."""
    strong, weak = map_of(4.0), map_of(1.0)
    form = replace(FORM, width=120.0)
    shared = pictures(sheet(items([strong, weak]), form))
    own = pictures(sheet(items([strong, weak]), replace(form, shared=False)))
    np.testing.assert_array_equal(*own)
    assert shared[1].mean() < shared[0].mean()
    at = DisplaySettings(end=4.0)
    wanted = pictures(sheet(items([weak]), form, base=replace(at, sign="positive")))
    assert wanted  # one pane alone is on the scale that it is given
    table = overlay.colorize(weak.map, at, (3, 3))
    assert table.max() < 200


def test_the_bar_says_the_scale() -> None:
    drawing = sheet(items([map_of(4.0), map_of(1.0)]), FORM)
    assert "Grad-CAM value, one colour scale for both maps" in words(drawing)
    assert "4.00" in words(drawing)
    own = words(sheet(items([map_of(4.0), map_of(1.0)]), replace(FORM, shared=False)))
    assert "Grad-CAM value, each map on a colour scale of its own" in own
    assert "largest" in own
    assert "4.00" not in own
    three = words(sheet(items([map_of(4.0)] * 3), FORM))
    assert "Grad-CAM value, one colour scale for all 3 maps" in three


def test_panes_say_what_they_are_and_the_caption_what_is_the_same() -> None:
    found = [map_of(1.0), map_of(2.0, layer="layer3")]
    said = words(sheet(items(found), FORM))
    assert "layer4" in said
    assert "layer3" in said
    caption = next(text for text in said if "demo:shapes" in text)
    assert "a.png" in caption
    assert "Grad-CAM" in caption
    assert "star" in caption
    assert "layer" not in caption


def test_classes_images_models_and_methods_are_told_apart() -> None:
    ring = Prediction(1, "ring", 2.0, 0.02)
    assert any("ring" in t for t in words(sheet(items([map_of(1), map_of(1, target=ring)]), FORM)))
    said = words(sheet(items([map_of(1), map_of(1)], ["a.png", "b.png"]), FORM))
    assert {"a.png", "b.png"} <= set(said)
    both = items([map_of(1), map_of(1)])
    both[1] = replace(both[1], model="after.pth")
    assert {"demo:shapes", "after.pth"} <= set(words(sheet(both, FORM)))
    said = words(sheet(items([map_of(1), map_of(1, method="layercam")]), FORM))
    assert {"Grad-CAM", "LayerCAM"} <= set(said)
    assert any(text.startswith("Map value") for text in said)


def test_what_has_to_be_said_beside_a_method_is_said() -> None:
    said = words(sheet(items([map_of(1.0), map_of(1.0, method="eigen-cam")]), FORM))
    assert "independent of the class" in said
    said = words(sheet(items([map_of(1.0), map_of(1.0, method="guided-backprop")]), FORM))
    assert any("evidence" in text for text in said)


def test_the_range_of_each_map_is_said() -> None:
    low = map_of(1.0)
    low.map.flags.writeable = True
    low.map[0, 0] = -0.25
    assert "−0.25 to 1" in words(sheet(items([low]), FORM))


def test_a_pane_with_nothing_to_show_says_so() -> None:
    negative = map_of(1.0)
    negative.map[:] = -np.abs(negative.map)
    assert "nothing positive" in words(sheet(items([negative]), FORM))
    negative.map[0, 0] = 0.01
    assert "weak: 1.0% of negative" in words(sheet(items([negative]), FORM))
    # Whole in the narrowest tiles as well.
    narrow = sheet(items([negative] * 8), replace(FORM, columns=8, width=None))
    assert words(narrow).count("weak: 1.0% of negative") == 8
    assert not any("weak" in text for text in words(sheet(items([map_of(1.0)]), FORM)))


def test_a_contrast_is_drawn_with_both_signs() -> None:
    contrast = map_of(1.0, against=Prediction(1, "ring", 2.0, 0.02))
    assert settings_for([contrast], DisplaySettings()).sign == "signed"
    assert settings_for([map_of(1.0)], DisplaySettings()).sign == "positive"
    said = words(sheet(items([contrast]), FORM))
    assert any(text.startswith("both signs") for text in said)


def test_the_common_end_is_the_largest_of_what_is_shown() -> None:
    negative = map_of(1.0)
    negative.map[:] = -np.abs(negative.map) * 7
    both = [map_of(3.0), negative]
    assert common_end(both, DisplaySettings()) == pytest.approx(3.0)
    assert common_end(both, DisplaySettings(sign="signed")) == pytest.approx(7.0)
    assert common_end(both, DisplaySettings(sign="negative")) == pytest.approx(7.0)
    # Whatever end the settings had.
    assert common_end(both, DisplaySettings(end=99.0)) == pytest.approx(3.0)


def test_rows_and_columns_are_kept() -> None:
    def lefts(drawing: Drawing) -> list[float]:
        return [part.left for part in drawing.parts if isinstance(part, Picture)]

    found = items([map_of(1.0)] * 6)
    three = lefts(sheet(found, FORM, columns=3))
    assert three[:3] == three[3:]
    assert len(set(three)) == 3
    # What the form says comes first.
    assert len(set(lefts(sheet(found, replace(FORM, columns=2), columns=3)))) == 2


class TestDifference:
    def test_it_has_a_scale_of_its_own(self) -> None:
        drawing, apart = difference_sheet(items([map_of(4.0), map_of(1.0, 1)]), FORM)
        assert len(pictures(drawing)) == 3
        bars = [part for part in drawing.parts if isinstance(part, Bar)]
        assert len(bars) == 2
        assert not np.array_equal(bars[0].colors, bars[1].colors)
        end = overlay.number_text(float(np.abs(apart.map).max()))
        assert any(text.startswith(end[:4]) for text in words(drawing))
        assert any(text.startswith("Difference") for text in words(drawing))

    def test_the_numbers_are_said(self) -> None:
        drawing, apart = difference_sheet(items([map_of(4.0), map_of(1.0, 1)]), FORM)
        assert apart.correlation is not None
        said = " ".join(words(drawing))
        assert f"correlation {apart.correlation:.2f}".replace("-", "−") in said
        assert "IoU of the top 20 %" in said

    def test_without_a_common_scale_each_is_in_parts_of_its_peak(self) -> None:
        form = replace(FORM, shared=False)
        drawing, apart = difference_sheet(items([map_of(400.0), map_of(1.0)]), form)
        assert apart.scaled
        np.testing.assert_allclose(apart.map, 0.0, atol=1e-6)
        assert any("largest magnitude" in text for text in words(drawing))

    def test_equal_maps_differ_by_nothing(self) -> None:
        drawing, apart = difference_sheet(items([map_of(2.0), map_of(2.0)]), FORM)
        assert not apart.map.any()
        assert len(pictures(drawing)) == 3
