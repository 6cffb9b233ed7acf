"""Levels, pages and patients on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engine
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.records.level_words import window
from tests.cli.runs import Result
from tests.engine.images.dicom_files import DATE, NUMBER, dataset, written


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A demo scene as 12-bit data in three 16-bit pages, the second of which has the scene."""
    grey = np.asarray(Image.open(SCENES[0].path).convert("L")).astype(np.uint16)
    pages = [Image.fromarray(values) for values in (grey * 3, grey * 16 + 7, grey)]
    pages[0].save(tmp_path / "deep.tif", save_all=True, append_images=pages[1:])
    return tmp_path / "deep.tif"


def test_the_network_gets_the_page_and_its_levels(run: Callable[..., Result], deep: Path) -> None:
    said = run("explain", deep, "--page", "2")
    assert (said.code, said.err) == (0, "")
    assert "page 2 of 3" in said.out
    assert "levels: minimum to maximum, " in said.out
    assert "(assumed)" in said.out
    facts = run("explain", deep, "--page", "2", "--levels", "window:2000,3000", "--json", "-").json
    file = facts["image_file"]
    assert (file["page"], file["pages"]) == (2, 3)
    assert file["levels"] == {
        "mode": "window", "asked": "window", "assumed": False, "black": 500.0, "white": 3500.0
    }  # fmt: skip
    assert file["values"]["type"] == "uint16"
    image = load_image(deep, page=2, levels=window(2000, 3000))
    with engine.Session(engine.load_model("demo:photos"), image) as session:
        wanted = session.predictions(1)[0]
    assert facts["predictions"][0]["logit"] == pytest.approx(wanted.logit, abs=1e-5)


def test_the_exported_picture_shows_the_levels(
    run: Callable[..., Result], deep: Path, tmp_path: Path
) -> None:
    shown = []
    for name, levels in (("dark.png", "type"), ("bright.png", "minmax")):
        run("explain", deep, "--page", "2", "--levels", levels, "--out", tmp_path / name)
        shown.append(np.asarray(Image.open(tmp_path / name)).mean())
    assert shown[1] > 1.5 * shown[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--page", "4"), "has 3 pages; choose --page 1 to 3"),
        (("--page", "0"), "the first is 1"),
        (("--levels", "bright"), "write auto, type, file, minmax"),
        (("--levels", "window:5,0"), "must be greater than 0"),
    ],
)
def test_what_is_refused(
    run: Callable[..., Result], deep: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run("explain", deep, *arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_a_page_that_an_animation_does_not_have(
    run: Callable[..., Result], tmp_path: Path, kind: str
) -> None:
    pages = [Image.new("RGB", (40, 30), (grey, 0, 90)) for grey in (10, 200)]
    path = tmp_path / f"two.{kind}"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    result = run("explain", path, "--page", "3")
    assert result.code == 2
    assert f"{path}: has 2 pages; choose --page 1 to 2" in result.err
    assert result.err.count("\n") == 1


def test_infinity_and_nan_leave_levels_and_map_finite(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    values = np.asarray(Image.open(SCENES[0].path).convert("L")).astype(np.float32) / 7 - 3
    finite = float(values.min()), float(values.max())
    values[40, 50], values[60, 70], values[80, 90] = np.inf, -np.inf, np.nan
    Image.fromarray(values).save(tmp_path / "odd.tif")
    out = tmp_path / "map.npy"
    facts = run("explain", tmp_path / "odd.tif", "--json", "-", "--map", out).json
    levels = facts["image_file"]["levels"]
    assert (levels["black"], levels["white"]) == pytest.approx(finite, abs=1e-5)
    assert facts["image_file"]["values"]["not_finite"] == 3
    assert "3 values are NaN or infinite" in facts["image_file"]["notices"][0]
    assert all(np.isfinite(p["logit"]) for p in facts["predictions"])
    found = np.load(out)
    assert np.isfinite(found).all()
    assert found.std() > 0


def test_the_patient_is_named_only_on_request(run: Callable[..., Result], tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    folder = tmp_path / "Roe_Jane"
    folder.mkdir()
    path = folder / f"{NUMBER} {DATE}.dcm"
    path.write_bytes(written(dataset(values)))
    result = run("explain", path, "--json", "-")
    assert result.code == 0, result.err
    for word in ("Roe", "Jane", NUMBER, DATE):
        assert word.lower() not in result.out.lower()
    assert "subject" not in result.json
    printed = [run("explain", path, "--page", "1"), run("sweep", path, "--out", tmp_path / "m.npz")]
    for result in printed:
        assert result.code == 0, result.err
        said = (result.out + result.err).lower()
        assert not any(word in said for word in (NUMBER.lower(), DATE))
    assert path.name in run("explain", path, "--patient").out
    named = run("explain", path, "--json", "-", "--patient").json
    assert named["subject"] == {"name": "Roe Jane", "date": DATE}
    assert named["image"] == str(path)
