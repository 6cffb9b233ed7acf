"""Exports are written completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import Cancelled, ExportError
from engine.progress import CancelToken, ignore_progress
from engine.records.display import DisplaySettings
from engine.records.exports import ExportChoice
from engine.records.images import LoadedImage, Preprocessing
from engine.records.models import ModelInfo, Prediction
from engine.records.views import View
from gui.jobs.files import writing
from gui.jobs.lanes import Watch
from tests.gui.jobs.samples import explanation

INFO = ModelInfo(
    source="demo:shapes",
    title="Shapes",
    architecture="DemoNet",
    weights="shapes.safetensors",
    device="cpu",
    classes=("circle", "ring"),
    parameters=10,
    preprocessing=Preprocessing(128, (128, 128), (0.5,) * 3, (0.25,) * 3),
    default_layer="layer4",
)


@pytest.fixture
def watch() -> Watch:
    return Watch(CancelToken(), ignore_progress)


def task(folder: Path, *endings: str) -> writing.ExportTask:
    paths = {ending: folder / f"out.{ending}" for ending in endings}
    pixels = np.full((30, 40, 3), 200, np.uint8)
    return writing.ExportTask(
        LoadedImage("a.png", pixels),
        explanation(),
        INFO,
        (Prediction(1, "ring", 2.0, 0.75),),
        DisplaySettings(),
        {"torch": "2"},
        View("a.png", "demo:shapes"),
        choice=ExportChoice(
            paths.get("png"), paths.get("npy"), paths.get("json"), colorbar=False, caption=False
        ),
    )


def test_each_file_that_was_asked_for_is_written_and_no_other(tmp_path: Path, watch: Watch) -> None:
    writing.write_export(task(tmp_path, "png", "npy", "json"), watch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.npy", "out.png"]
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (40, 30)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), explanation().map)
    facts = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert facts["versions"] == {"torch": "2"}


def test_only_the_map(tmp_path: Path, watch: Watch) -> None:
    writing.write_export(task(tmp_path, "npy"), watch)
    assert [path.name for path in tmp_path.iterdir()] == ["out.npy"]


def test_an_export_stopped_while_it_draws_writes_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    watch = Watch(token, lambda _fraction, _text: token.cancel())
    with pytest.raises(Cancelled):
        writing.write_export(task(tmp_path, "png", "npy"), watch)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_with_the_way_out(
    tmp_path: Path, watch: Watch
) -> None:
    with pytest.raises(ExportError, match="folder does not exist"):
        writing.write_export(task(tmp_path / "nowhere", "png"), watch)
