"""What the JSON beside an export says: enough to do it again, and nothing of a patient."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.edits.apply import edited
from engine.export.files import save_json
from engine.export.sidecar import sidecar, view_facts
from engine.images.reading import load_image
from engine.records.display import DisplaySettings
from engine.records.edits import Change, Changing, Crop, Edits, Rectangle
from engine.records.images import LoadedImage
from engine.records.level_words import window
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.views import View
from engine.version import VERSION
from tests.engine.export.samples import MODEL, RING, STAR, explain, picture, scan


def test_sidecar_has_what_is_needed_to_do_it_again(tmp_path: Path) -> None:
    pixels = picture(80, 60)
    image = LoadedImage("scene.png", pixels, tmp_path / "scene.png", mode="L")
    explanation = explain((80, 60))
    settings = DisplaySettings(gamma=1.2)
    versions = {"torch": "2.13.0", "torchvision": "0.28.0"}
    content = sidecar(image, explanation, MODEL, [STAR, RING], settings, versions)
    save_json(tmp_path / "out.json", content)
    read: dict[str, Any] = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))

    assert read["image"] == str(tmp_path / "scene.png")
    assert read["model"] == "demo:shapes"
    assert read["device"] == "cpu"
    assert read["layer"] == "layer4.1"
    assert read["class"] == {"index": 3, "label": "star"}
    assert read["predictions"] == [
        {"index": 3, "label": "star", "logit": 9.5, "probability": 0.971},
        {"index": 1, "label": "ring", "logit": 2.0, "probability": 0.02},
    ]
    assert read["map"] == {
        "shape": [4, 4],
        "min": float(explanation.map.min()),
        "max": float(explanation.map.max()),
        "scale_end": float(explanation.map.max()),
    }
    assert read["region"] == [8.0, 0.0, 64.0, 60.0]
    assert read["seconds"] == {"forward": 0.2, "explain": 0.03}
    assert read["method"] == "grad-cam"
    assert read["program"] == {"name": "Hookscope", "version": VERSION}
    assert read["versions"] == versions
    assert read["image_file"]["pixels_sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    assert (read["image_file"]["width"], read["image_file"]["height"]) == (80, 60)
    assert read["model_info"]["weights"] == MODEL.weights
    assert read["model_info"]["preprocessing"]["crop"] == [128, 128]
    assert read["display"]["gamma"] == 1.2


def test_the_scales_end_of_a_map_of_pixels_is_said() -> None:
    """The extremes are those of the map, whatever is shown of it."""
    map = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    map[-1, -1] = 9
    explanation = replace(explain((80, 60), map), method="saliency")
    image = LoadedImage("scene.png", picture(80, 60))
    for sign, end in (("positive", 397 / 399), ("negative", 0.0), ("signed", 397 / 399)):
        settings = DisplaySettings(sign=sign)  # type: ignore[arg-type]
        found = sidecar(image, explanation, MODEL, [STAR], settings)["map"]
        assert found["scale_end"] == pytest.approx(end)
        assert (found["min"], found["max"]) == (0.0, 9.0)


def test_sidecar_of_a_pasted_image_and_a_broken_map_is_valid_json(tmp_path: Path) -> None:
    map = np.array([[np.nan, 1.0]], np.float32)
    image = LoadedImage("pasted", picture(8, 8))
    content = sidecar(image, explain((8, 8), map), MODEL, [])
    save_json(tmp_path / "out.json", content)
    read = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert read["image"] == "pasted"
    assert read["map"]["min"] is None
    assert "display" not in read


def test_the_sidecar_has_the_levels_that_the_network_got() -> None:
    info = replace(MODEL, preprocessing=replace(MODEL.preprocessing, levels=window(3000, 200)))
    content = sidecar(scan(), explain((100, 60)), info, [])
    file = content["image_file"]
    assert file["levels"]["black"] == 2900
    assert file["levels"]["white"] == 3100
    assert (file["page"], file["pages"], file["values"]["unit"]) == (2, 7, "HU")
    assert "Roe" not in json.dumps(content)
    named = sidecar(scan(), explain((100, 60)), info, [], subject=True)
    assert named["subject"] == {"name": "Roe Jane", "date": "20190418"}
    assert named["image_file"]["name"] == "Roe_Jane.dcm"


@pytest.mark.parametrize("own", [AUTO, Levels(LevelsMode.WINDOW, 20_000, 30_000)])
@pytest.mark.parametrize("deep", [True, False])
def test_the_view_of_an_edited_image_has_the_levels_that_were_set_for_its_file(
    tmp_path: Path, own: Levels, deep: bool
) -> None:
    """Those that the edits leave are of other values, and would show the file black or white."""
    values = np.random.default_rng(6).integers(0, 50_000, (30, 40)).astype(np.uint16)
    path = tmp_path / "deep.png"
    Image.fromarray(values if deep else (values >> 8).astype(np.uint8)).save(path)
    image = load_image(path, levels=own)
    steps = Edits((Crop(Rectangle(3, 4, 20, 20)), Change(Changing.GREY, 50)))
    view = View(str(path), "demo:shapes", edits=steps)
    wanted = view_facts(view, image)
    assert view_facts(view, edited(edited(image, steps), steps)) == wanted
    assert ("levels" in wanted) == (own != AUTO)
