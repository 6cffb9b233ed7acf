"""Files that leave the program: what is in them, and that they are never half."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.edits.apply import edited
from engine.errors import ExportError
from engine.export import files as export
from engine.images.decoders.raw import depth_of
from engine.images.levels import with_levels
from engine.images.reading import load_image
from engine.records.asked import Asked
from engine.records.display import DisplaySettings
from engine.records.edits import Change, Changing, Crop, Edits, Rectangle
from engine.records.explanations import Explanation, FloatMap, Seconds
from engine.records.images import LoadedImage, Pixels, Preprocessing, Region, Subject
from engine.records.level_words import window
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.models import Layout, ModelInfo, Prediction
from engine.records.views import View
from engine.render import caption as figure
from engine.render import fonts, overlay
from engine.version import VERSION

STAR = Prediction(3, "star", 9.5, 0.971)
RING = Prediction(1, "ring", 2.0, 0.02)
MODEL = ModelInfo(
    source="demo:shapes",
    title="Shapes",
    architecture="small resnet",
    weights="resources/demo/shapes.safetensors",
    device="cpu",
    classes=("circle", "ring", "square", "star"),
    parameters=300_000,
    preprocessing=Preprocessing(128, (128, 128), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    default_layer="layer4",
)


def picture(width: int, height: int) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def explain(size: tuple[int, int], map: FloatMap | None = None) -> Explanation:
    if map is None:
        map = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    return Explanation(
        layer="layer4.1",
        target=STAR,
        map=map,
        shape=(64, 4, 4),
        layout=Layout.CHANNELS_FIRST,
        region=Region(size[0] * 0.1, 0.0, size[0] * 0.8, float(size[1])),
        image="scene.png",
        image_size=size,
        model="Shapes",
        device="cpu",
        seconds=Seconds(0.2, 0.03),
    )


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- pictures ------------------------------------------------------------------------------------


def test_without_words_it_is_the_blended_picture() -> None:
    image, settings = LoadedImage("scene.png", picture(80, 60)), DisplaySettings()
    explanation = explain((80, 60))
    result = export.render(image, explanation, settings, caption=False, colorbar=False)
    np.testing.assert_array_equal(result, overlay.blend(image.pixels, explanation, settings))


@pytest.mark.parametrize(
    "size", [(300, 200), (96, 128), (1, 1), (2400, 120), (120, 1600), (1600, 1200)]
)
@pytest.mark.parametrize(("caption", "colorbar"), [(True, True), (True, False), (False, True)])
def test_words_stand_below_the_untouched_picture(
    size: tuple[int, int], caption: bool, colorbar: bool
) -> None:
    image, settings = LoadedImage("scene.png", picture(*size)), DisplaySettings()
    explanation = explain(size)
    result = export.render(image, explanation, settings, caption=caption, colorbar=colorbar)
    width, height = size
    assert result.dtype == np.uint8
    assert result.shape[1] == max(width, figure.NARROWEST)
    np.testing.assert_array_equal(
        result[:height, :width], overlay.blend(image.pixels, explanation, settings)
    )
    below = result[height:]
    assert (below != figure.PAPER).any()
    # Nothing is cut off at the edges of the band.
    for edge in (below[0], below[-1], below[:, 0], below[:, -1]):
        assert (edge == figure.PAPER).all()


def test_the_bar_shows_the_colours_in_order() -> None:
    image, settings = LoadedImage("scene.png", picture(600, 400)), DisplaySettings(fade=False)
    result = export.render(image, explain((600, 400)), settings, caption=False, colorbar=True)
    table = overlay.lookup_table("inferno")
    below = {tuple(color) for color in result[400:].reshape(-1, 3).tolist()}
    shown = sum(tuple(color) in below for color in table.tolist())
    assert shown > 180


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


@pytest.mark.parametrize("name", ["ring " * 80, "x" * 500, "", "中文 é Ω", "a\tb"])
def test_any_name_fits(name: str) -> None:
    image = LoadedImage(name, picture(300, 200))
    explanation = replace(explain((300, 200)), target=replace(STAR, label=name), layer=name)
    result = export.render(image, explanation, DisplaySettings(), caption=True, colorbar=True)
    below = result[200:]
    assert (below[:, -1] == figure.PAPER).all()
    assert below.shape[0] < 400


def test_what_no_font_writes_becomes_plain_or_a_question_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "_SYSTEM_FONTS", ())
    font = fonts.font_for("é 中", 12)
    assert fonts.as_written("−1 × é 中 star", font) == "-1 x e ? star"


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_png_holds_every_pixel(tmp_path: Path, suffix: str) -> None:
    pixels = picture(33, 21)
    path = tmp_path / f"out{suffix}"
    export.save_picture(path, pixels)
    with Image.open(path) as saved:
        assert (saved.format, saved.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(np.asarray(saved), pixels)
    assert leftovers(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_is_close_and_keeps_full_colour_resolution(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, ::2] = (255, 0, 0)
    path = tmp_path / f"out{suffix}"
    export.save_picture(path, pixels, quality=100)
    with Image.open(path) as saved:
        assert saved.format == "JPEG"
        assert np.abs(np.asarray(saved).astype(int) - pixels).max() < 12


def test_jpeg_quality_matters(tmp_path: Path) -> None:
    pixels = picture(64, 64)
    export.save_picture(tmp_path / "good.jpg", pixels, quality=95)
    export.save_picture(tmp_path / "small.jpg", pixels, quality=20)
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size / 2


def test_a_picture_too_wide_for_jpeg_says_so(tmp_path: Path) -> None:
    pixels = np.zeros((1, 65_501, 3), np.uint8)
    with pytest.raises(ExportError, match=r"65,500.*\.png"):
        export.save_picture(tmp_path / "wide.jpg", pixels)
    export.save_picture(tmp_path / "wide.png", pixels)
    assert leftovers(tmp_path) == ["wide.png"]


@pytest.mark.parametrize("name", ["out.gif", "out", "out.png.exe"])
def test_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"\.png or \.jpg"):
        export.save_picture(tmp_path / name, picture(4, 4))
    assert leftovers(tmp_path) == []


# --- maps and JSON -------------------------------------------------------------------------------


def test_map_is_saved_as_it_is(tmp_path: Path) -> None:
    map = explain((8, 8)).map
    export.save_map(tmp_path / "map.npy", map)
    loaded = np.load(tmp_path / "map.npy", allow_pickle=False)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, map)
    with pytest.raises(ExportError, match=r"\.npy"):
        export.save_map(tmp_path / "map.txt", map)


def test_maps_are_saved_under_their_layers(tmp_path: Path) -> None:
    maps = {"layer1.0.relu#1": np.ones((2, 3), np.float32), "file": np.zeros((1, 1), np.float32)}
    export.save_maps(tmp_path / "maps.npz", maps)
    with np.load(tmp_path / "maps.npz") as loaded:
        assert sorted(loaded.files) == sorted(maps)
        np.testing.assert_array_equal(loaded["layer1.0.relu#1"], maps["layer1.0.relu#1"])


def test_sidecar_has_what_is_needed_to_do_it_again(tmp_path: Path) -> None:
    pixels = picture(80, 60)
    image = LoadedImage("scene.png", pixels, tmp_path / "scene.png", mode="L")
    explanation = explain((80, 60))
    settings = DisplaySettings(gamma=1.2)
    versions = {"torch": "2.13.0", "torchvision": "0.28.0"}
    content = export.sidecar(image, explanation, MODEL, [STAR, RING], settings, versions)
    export.save_json(tmp_path / "out.json", content)
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
        found = export.sidecar(image, explanation, MODEL, [STAR], settings)["map"]
        assert found["scale_end"] == pytest.approx(end)
        assert (found["min"], found["max"]) == (0.0, 9.0)


def test_sidecar_of_a_pasted_image_and_a_broken_map_is_valid_json(tmp_path: Path) -> None:
    map = np.array([[np.nan, 1.0]], np.float32)
    image = LoadedImage("pasted", picture(8, 8))
    content = export.sidecar(image, explain((8, 8), map), MODEL, [])
    export.save_json(tmp_path / "out.json", content)
    read = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert read["image"] == "pasted"
    assert read["map"]["min"] is None
    assert "display" not in read


# --- complete or absent --------------------------------------------------------------------------


def test_an_existing_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("a much longer text than what comes after it, to be gone without a trace")
    export.save_json(path, [1])
    assert json.loads(path.read_text()) == [1]
    assert leftovers(tmp_path) == ["out.json"]


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target: tuple[Any, str] = {
        "fsync": (os, "fsync"),
        "replace": (Path, "replace"),
        "write": (Image.Image, "save"),
    }[step]
    monkeypatch.setattr(*target, fail)
    with pytest.raises(ExportError, match=r"out\.png: the disk is full"):
        export.save_picture(path, picture(8, 8))
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["out.png"]


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export.save_picture(tmp_path / "out.png", picture(8, 8))
    assert leftovers(tmp_path) == []


def test_a_missing_folder_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "none" / "out.png"
    with pytest.raises(ExportError, match="the folder does not exist") as caught:
        export.save_picture(path, picture(4, 4))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(ExportError, match="a folder has that name"):
        export.save_picture(tmp_path / "out.png", picture(4, 4))
    assert leftovers(tmp_path) == ["out.png"]


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ExportError, match="permission denied"):
        export.save_map(tmp_path / "map.npy", np.zeros((1, 1), np.float32))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    export.save_json(tmp_path / "link.json", {"a": 1})
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == {"a": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="no umask there")
def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        export.save_json(tmp_path / "out.json", 1)
    finally:
        os.umask(old)
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o644


# --- depth and patients --------------------------------------------------------------------------


def scan() -> LoadedImage:
    values = np.arange(6000, dtype=np.uint16).reshape(60, 100)
    depth = depth_of(values, unit="HU")
    subject = Subject("Roe Jane", "20190418", ("jane", "roe"))
    image = LoadedImage(
        "Roe_Jane.dcm", picture(100, 60), Path("/x/Roe_Jane.dcm"), depth=depth, subject=subject
    )
    return with_levels(replace(image, page=2, pages=7), window(2000, 1000))


def test_a_caption_names_levels_and_page_and_no_patient() -> None:
    image, explanation = scan(), explain((100, 60))
    text = " ".join(figure.caption(image, explanation, DisplaySettings()))
    assert "page 2 of 7, window, 1,500 to 2,500 HU" in text
    assert "Roe" not in text
    assert "2019" not in text
    named = " ".join(figure.caption(image, explanation, DisplaySettings(), subject=True))
    assert "Roe_Jane.dcm, page 2 of 7" in named
    assert "Roe Jane, 20190418" in named


def test_the_sidecar_has_the_levels_that_the_network_got() -> None:
    info = replace(MODEL, preprocessing=replace(MODEL.preprocessing, levels=window(3000, 200)))
    content = export.sidecar(scan(), explain((100, 60)), info, [])
    file = content["image_file"]
    assert file["levels"]["black"] == 2900
    assert file["levels"]["white"] == 3100
    assert (file["page"], file["pages"], file["values"]["unit"]) == (2, 7, "HU")
    assert "Roe" not in json.dumps(content)
    named = export.sidecar(scan(), explain((100, 60)), info, [], subject=True)
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
    wanted = export.view_facts(view, image)
    assert export.view_facts(view, edited(edited(image, steps), steps)) == wanted
    assert ("levels" in wanted) == (own != AUTO)
