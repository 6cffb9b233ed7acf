"""The caption of a picture: what it names, and what it says of the map's values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.export import files as export
from engine.records.asked import Asked
from engine.records.display import DisplaySettings
from engine.records.images import LoadedImage
from engine.render import caption as figure
from engine.render import fonts
from tests.engine.export.samples import explain, picture, scan


def test_caption_says_what_was_asked() -> None:
    image = LoadedImage("scene.png", picture(30, 20))
    explanation = explain((30, 20))
    usual = replace(explanation, number="logit 8.31")
    (first, *_) = figure.caption(image, usual, DisplaySettings())
    assert first == "star  97.1 %, logit 8.31"
    contrast = replace(
        explanation,
        asked=Asked("contrast", 2, 1),
        subject="star against ring",
        number="difference of logits 5.2",
        signs=("for star rather than ring", "for ring rather than star"),
    )
    first, _, last = figure.caption(image, contrast, DisplaySettings(sign="signed"))
    assert first == "star against ring, difference of logits 5.2"
    wanted = "both signs: for ring rather than star (blue), for star rather than ring (orange)"
    assert wanted in last
    last = figure.caption(image, contrast, DisplaySettings(sign="negative"))[-1]
    assert "negative part: for ring rather than star" in last


def test_caption_says_where_you_are() -> None:
    image = LoadedImage("scene.png", picture(30, 20))
    settings = DisplaySettings(sign="negative", gamma=1.5, colormap="viridis")
    text = " ".join(figure.caption(image, explain((30, 20)), settings))
    for words in (
        "scene.png",
        "Shapes",
        "layer4.1",
        "star",
        "97.1 %",
        "Grad-CAM",
        "negative",
        "viridis",
        "gamma 1.5",
        "4 x 4",
    ):
        assert words in text


def test_caption_of_a_map_with_nothing_to_show_says_so() -> None:
    image = LoadedImage("scene.png", picture(30, 20))
    blank = explain((30, 20), -np.ones((2, 2), np.float32))
    assert "no values of this sign" in " ".join(figure.caption(image, blank, DisplaySettings()))
    render = export.render(image, blank, DisplaySettings(), caption=True, colorbar=True)
    assert render.shape[0] > 20


def test_caption_of_a_weak_map_says_so() -> None:
    image = LoadedImage("scene.png", picture(30, 20))
    weak = explain((30, 20), np.array([[0.03, -1.0], [0.0, -0.5]], np.float32))
    assert "weak: at most 3.0% of the other sign" in " ".join(
        figure.caption(image, weak, DisplaySettings())
    )
    signed = figure.caption(image, weak, DisplaySettings(sign="signed"))
    assert "weak" not in " ".join(signed)


def test_what_no_font_writes_becomes_plain_or_a_question_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "_SYSTEM_FONTS", ())
    font = fonts.font_for("é 中", 12)
    assert fonts.as_written("−1 × é 中 star", font) == "-1 x e ? star"


def test_a_caption_names_levels_and_page_and_no_patient() -> None:
    image, explanation = scan(), explain((100, 60))
    text = " ".join(figure.caption(image, explanation, DisplaySettings()))
    assert "page 2 of 7, window, 1,500 to 2,500 HU" in text
    assert "Roe" not in text
    assert "2019" not in text
    named = " ".join(figure.caption(image, explanation, DisplaySettings(), subject=True))
    assert "Roe_Jane.dcm, page 2 of 7" in named
    assert "Roe Jane, 20190418" in named
