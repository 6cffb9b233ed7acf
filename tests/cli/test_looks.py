"""How a map is drawn, by options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engine
from engine.formats.demo import SCENES
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.render import overlay
from engine.render.looks import LOOKS, with_look
from tests.cli.runs import Result

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def explained() -> tuple[engine.LoadedImage, engine.Explanation]:
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        return image, session.explain()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("look", [look.slug for look in LOOKS])
def test_a_look_by_name_is_in_the_picture_and_in_the_facts(
    run: Run, tmp_path: Path, explained: tuple[engine.LoadedImage, engine.Explanation], look: str
) -> None:
    image, explanation = explained
    out = tmp_path / "o.png"
    result = run("explain", "--look", look, "--out", out, "--json", "-")
    assert result.code == 0
    settings = with_look(DisplaySettings(), look)
    np.testing.assert_array_equal(pixels(out), overlay.blend(image.pixels, explanation, settings))
    assert result.json["display"]["look"] == look


def test_jet_over_the_photograph_is_its_formula(
    run: Run, tmp_path: Path, explained: tuple[engine.LoadedImage, engine.Explanation]
) -> None:
    image, explanation = explained
    out = tmp_path / "o.png"
    assert run("explain", "--look", "jet", "--cells", "grid", "--out", out).code == 0
    cells = np.maximum(explanation.map, 0) / explanation.map.max()
    region = explanation.region
    assert (region.x, region.y) == (0, 0) or region.width <= image.width
    row, column = np.unravel_index(cells.argmax(), cells.shape)
    x = int(region.x + (column + 0.5) * region.width / cells.shape[1])
    y = int(region.y + (row + 0.5) * region.height / cells.shape[0])
    top = cv2.applyColorMap(np.full((1, 1), 255, np.uint8), cv2.COLORMAP_JET)[0, 0, ::-1]
    wanted = 0.6 * image.pixels[y, x] + 0.4 * top
    assert np.abs(pixels(out)[y, x] - wanted).max() <= 1


def test_options_change_parts_of_a_look(
    run: Run, tmp_path: Path, explained: tuple[engine.LoadedImage, engine.Explanation]
) -> None:
    image, explanation = explained
    out = tmp_path / "o.png"
    result = run(
        "explain", "--look", "jet", "--opacity", "80%", "--fade", "--gamma", "2", "--sign",
        "negative", "--cells", "grid", "--picture", "grey", "--contours", "75,25", "--colormap",
        "viridis", "--out", out, "--json", "-",
    )  # fmt: skip
    assert result.code == 0
    settings = DisplaySettings(
        0.8, "viridis", "grid", 2.0, "negative", None, True, "grey", (0.25, 0.75)
    )
    np.testing.assert_array_equal(pixels(out), overlay.blend(image.pixels, explanation, settings))
    shown = result.json["display"]
    assert (shown["look"], shown["contours"], shown["backdrop"]) == (None, [0.25, 0.75], "grey")
    # Where the scale ends is that of the shown sign.
    assert result.json["map"]["scale_end"] == pytest.approx(float(explanation.map.min()))


def test_the_caption_says_how_the_map_lies_over_the_image(
    explained: tuple[engine.LoadedImage, engine.Explanation],
) -> None:
    from engine.render.caption import caption

    image, explanation = explained
    usual = caption(image, explanation, DisplaySettings())[-1]
    assert "inferno, opacity 70%, fading out towards zero" in usual
    edges = with_look(DisplaySettings(contours=(0.25, 0.5)), "coolwarm-edges")
    line = caption(image, explanation, edges)[-1]
    for words in ("coolwarm, opacity 60% everywhere", "edges of the image", "at 25 50 % of"):
        assert words in line


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--look", "rainbow", "coolwarm-edges"),
        ("--contours", "120", "25, 50, 75"),
        ("--opacity", "140", "between 0 and 100"),
        ("--gamma", "9", "between 0.2 and 5"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_with_what_can(
    run: Run, option: str, value: str, words: str
) -> None:
    result = run("explain", option, value)
    assert result.code == 2
    assert words in result.err
    assert result.err.count("\n") == 1
