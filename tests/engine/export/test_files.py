"""Files that leave the program: what is in them, and that they are never half."""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import ExportError
from engine.export import files as export
from engine.records.display import DisplaySettings
from engine.records.images import LoadedImage
from engine.render import caption as figure
from engine.render import overlay
from tests.engine.export.samples import STAR, explain, picture


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


@pytest.mark.parametrize("name", ["ring " * 80, "x" * 500, "", "中文 é Ω", "a\tb"])
def test_any_name_fits(name: str) -> None:
    image = LoadedImage(name, picture(300, 200))
    explanation = replace(explain((300, 200)), target=replace(STAR, label=name), layer=name)
    result = export.render(image, explanation, DisplaySettings(), caption=True, colorbar=True)
    below = result[200:]
    assert (below[:, -1] == figure.PAPER).all()
    assert below.shape[0] < 400


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
