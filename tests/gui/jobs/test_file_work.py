"""What the file lane does, each function by itself."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QColor, QImage

from engine.errors import Cancelled, ExportError, ImageError
from engine.progress import CancelToken, ignore_progress
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.exports import ExportChoice
from engine.records.images import LoadedImage, Preprocessing, Region
from engine.records.models import ModelInfo, Prediction
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.jobs import file_work
from gui.jobs.lanes import Watch
from tests.explanations import explain

WATCH = Watch(CancelToken(), ignore_progress)


@pytest.fixture
def watch() -> Watch:
    return Watch(CancelToken(), ignore_progress)


def save(path: Path, size: tuple[int, int] = (30, 20), color: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def explanation(map: np.ndarray | None = None) -> Explanation:
    grid = np.arange(12, dtype=np.float32).reshape(3, 4) if map is None else map
    target = Prediction(1, "ring", 2.0, 0.75)
    return explain(grid, Region(0, 0, 40, 30), (40, 30), target=target, image="a.png")


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


# --- looking for images --------------------------------------------------------------------------


def test_a_folder_gives_its_images_in_order_and_those_below(tmp_path: Path, watch: Watch) -> None:
    names = ["b.PNG", "a.jpg", "sub/c.tiff", "sub/deeper/d.webp"]
    for name in names:
        save(tmp_path / name)
    for name in (".hidden.png", ".cache/e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = file_work.scan([tmp_path], watch)
    inside = [path.relative_to(tmp_path).as_posix() for path in found.images]
    assert inside == ["a.jpg", "b.PNG", "sub/c.tiff", "sub/deeper/d.webp"]
    assert found.refused == ""


def test_named_files_are_taken_in_the_order_of_their_names_whatever_they_are(
    tmp_path: Path, watch: Watch
) -> None:
    """A name that a person gave is not passed over in silence: it fails where it is shown."""
    paths = [tmp_path / name for name in ("z.png", "missing.jpg", "notes.doc")]
    found = file_work.scan(paths, watch)
    assert list(found.images) == paths
    assert found.missing == set(paths)
    save(paths[0])
    assert file_work.scan(paths, watch).missing == set(paths[1:])


def test_the_same_file_twice_is_one(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    assert file_work.scan([path, tmp_path, path], watch).images == (path,)


def test_a_way_over_the_folder_above_is_one_name(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    assert file_work.scan([tmp_path / "sub" / ".." / "a.png", path], watch).images == (path,)


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("links are not permitted here")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes '..' away before it looks")
def test_the_folder_above_a_linked_one_is_that_of_the_link_s_goal(
    tmp_path: Path, watch: Watch
) -> None:
    right = save(tmp_path / "real" / "a.png", color="green")
    wrong = save(tmp_path / "a.png", color="red")
    (tmp_path / "real" / "sub").mkdir()
    link(tmp_path / "link", tmp_path / "real" / "sub")
    (found,) = file_work.scan([tmp_path / "link" / ".." / "a.png"], watch).images
    assert found.samefile(right)
    assert not found.samefile(wrong)


def test_a_link_keeps_its_own_name(tmp_path: Path, watch: Watch) -> None:
    save(tmp_path / "real" / "a.png")
    link(tmp_path / "link", tmp_path / "real")
    assert file_work.scan([tmp_path / "link" / "a.png"], watch).images == (
        tmp_path / "link" / "a.png",
    )


def test_a_file_behind_a_closed_folder_fails_alone(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be one whom no folder is closed to."""
    closed, there = tmp_path / "closed" / "a.png", save(tmp_path / "b.png")
    look = os.stat

    def stat(path: Any, *args: Any, **more: Any) -> os.stat_result:
        if not isinstance(path, int) and os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
        return look(path, *args, **more)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(PermissionError):
        closed.stat()
    found = file_work.scan([closed, there], watch)
    assert found.images == (closed, there)
    assert found.missing == {closed}


def test_a_model_is_told_from_images(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    found = file_work.scan([tmp_path / "net.PTH", path, tmp_path / "net.safetensors"], watch)
    assert found.model == ModelSource(str(tmp_path / "net.PTH"))
    assert found.images == (path,)


def test_what_belongs_to_a_model_is_opened_with_it(tmp_path: Path, watch: Watch) -> None:
    weights, network, names = (tmp_path / n for n in ("best.pth", "net.py", "classes.txt"))
    found = file_work.scan([weights, names, network], watch)
    assert found.model == ModelSource(str(network), str(weights), classes=str(names))
    assert found.classes is None
    assert file_work.scan([names], watch).classes == names
    profile = tmp_path / "net.hookscope.json"
    found = file_work.scan([profile], watch)
    assert (found.profile, found.classes, found.images) == (profile, None, ())
    folder = tmp_path / "vit"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert file_work.scan([folder], watch).model == ModelSource(str(folder))


def test_a_folder_without_images_is_named(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "empty").mkdir()
    found = file_work.scan([tmp_path / "empty"], watch)
    assert found.images == ()
    assert found.refused == "No images found in empty"


def test_more_images_than_can_be_shown_are_told(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_work, "_MOST_IMAGES", 3)
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(b"")
    found = file_work.scan([tmp_path], watch)
    assert len(found.images) == 3
    assert "first 3" in found.refused


def test_looking_can_be_stopped(tmp_path: Path, watch: Watch) -> None:
    watch.cancel.cancel()
    with pytest.raises(Cancelled):
        file_work.scan([tmp_path], watch)


# --- reading -------------------------------------------------------------------------------------


def test_decoding_gives_the_picture_for_engine_canvas_and_strip(tmp_path: Path) -> None:
    decoded = file_work.decode(save(tmp_path / "a.png", (300, 200)), WATCH)
    assert decoded.loaded.pixels.shape == (200, 300, 3)
    assert (decoded.picture.width, decoded.picture.height) == (300, 200)
    assert (decoded.thumbnail.width(), decoded.thumbnail.height()) == (128, 85)
    assert QColor(decoded.thumbnail.pixel(5, 5)) == QColor("red")


def test_a_thumbnail_read_alone_is_the_same_size(tmp_path: Path) -> None:
    small = file_work.read_thumbnail(save(tmp_path / "a.jpg", (300, 200)), WATCH)
    assert small.width() == 128
    assert small.height() == pytest.approx(128 * 200 / 300, abs=1)


def test_bytes_are_read_like_a_file() -> None:
    data = io.BytesIO()
    Image.new("RGB", (12, 8), (0, 128, 0)).save(data, "PNG")
    loaded = file_work.decode_bytes(data.getvalue(), "pasted image", WATCH).loaded
    assert loaded.name == "pasted image"
    assert loaded.path is None
    assert (loaded.pixels == (0, 128, 0)).all()


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_image_are_an_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        file_work.decode_bytes(data, "pasted image", WATCH)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_pixels_of_a_qimage_are_its_own_rows_without_their_padding(width: int) -> None:
    """QImage pads rows to four bytes."""
    expected = np.arange(width * 4 * 3, dtype=np.uint8).reshape(4, width, 3)
    image = QImage(width, 4, QImage.Format.Format_ARGB32)
    for y in range(4):
        for x in range(width):
            image.setPixelColor(x, y, QColor(*(int(v) for v in expected[y, x])))
    np.testing.assert_array_equal(file_work.pixels_of(image), expected)


# --- thumbnails of maps --------------------------------------------------------------------------


def test_equal_maps_are_drawn_once(watch: Watch) -> None:
    shared = explanation()
    other = replace(shared, map=shared.map.copy())
    maps = {"layer4": shared, "layer4.1": replace(shared, layer="layer4.1"), "layer3": other}
    drawn = file_work.map_thumbnails(maps, DisplaySettings(), 24, watch)
    assert list(drawn) == list(maps)
    assert drawn["layer4"] is drawn["layer4.1"]
    assert drawn["layer3"] is not drawn["layer4"]


def test_thumbnails_are_not_on_the_locked_scale(watch: Watch) -> None:
    one = explanation()
    locked = DisplaySettings(end=1e6 * float(np.abs(one.map).max()))
    free = file_work.map_thumbnails({"layer4": one}, DisplaySettings(), 24, watch)["layer4"]
    assert file_work.map_thumbnails({"layer4": one}, locked, 24, watch)["layer4"] == free


def test_drawing_maps_can_be_stopped(watch: Watch) -> None:
    watch.cancel.cancel()
    with pytest.raises(Cancelled):
        file_work.map_thumbnails({"layer4": explanation()}, DisplaySettings(), 24, watch)


# --- exporting -----------------------------------------------------------------------------------


def task(folder: Path, *endings: str) -> file_work.ExportTask:
    paths = {ending: folder / f"out.{ending}" for ending in endings}
    pixels = np.full((30, 40, 3), 200, np.uint8)
    return file_work.ExportTask(
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
    file_work.write_export(task(tmp_path, "png", "npy", "json"), watch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.npy", "out.png"]
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (40, 30)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), explanation().map)
    facts = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert facts["versions"] == {"torch": "2"}


def test_only_the_map(tmp_path: Path, watch: Watch) -> None:
    file_work.write_export(task(tmp_path, "npy"), watch)
    assert [path.name for path in tmp_path.iterdir()] == ["out.npy"]


def test_an_export_stopped_while_it_draws_writes_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    watch = Watch(token, lambda _fraction, _text: token.cancel())
    with pytest.raises(Cancelled):
        file_work.write_export(task(tmp_path, "png", "npy"), watch)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_with_the_way_out(
    tmp_path: Path, watch: Watch
) -> None:
    with pytest.raises(ExportError, match="folder does not exist"):
        file_work.write_export(task(tmp_path / "nowhere", "png"), watch)
