"""A script prepares an image to the very numbers that the program gives its network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.images.preprocessing import prepare
from engine.images.reading import load_image
from engine.methods.registry import choose
from engine.records.asked import Asked
from engine.records.images import Channels, Preprocessing
from engine.records.models import Scores
from engine.scripting.recipe import NetworkText, Recipe
from engine.scripting.writing import script

USUAL = Preprocessing(32, (24, 24), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = replace(USUAL, channels=Channels.GREY, mean=(0.5,), std=(0.5,))


def prepared_by_script(path: Path, how: Preprocessing, page: int = 1) -> torch.Tensor:
    """What the function load_input of a script returns."""
    image = load_image(path, page=page)
    recipe = Recipe(
        image=path,
        size=(image.width, image.height),
        preprocessing=how,
        network=NetworkText((), (), ("network = None",)),
        place=None,
        how=choose("saliency"),
        asked=Asked(target=1),
        scores=Scores.CLASSES,
        label="star",
        shape=how.crop,
        page=image.page,
        pages=image.pages,
    )
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(script(recipe), "script", "exec"), names)
    found: torch.Tensor = names["load_input"]()
    return found


def saved(path: Path, size: tuple[int, int], mode: str = "RGB", **options: Any) -> Path:
    width, height = size
    rows = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(rows).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(USUAL, id="shorter side"),
        pytest.param(replace(USUAL, resize=(40, 30)), id="exact size"),
        pytest.param(replace(USUAL, resize=(24, 24)), id="size of the crop"),
        pytest.param(replace(USUAL, resize=(24, 24), letterbox=True), id="letterbox"),
        pytest.param(replace(GREY, resize=(24, 24), letterbox=True), id="grey letterbox"),
        pytest.param(replace(USUAL, resize=None), id="no resize"),
        pytest.param(replace(USUAL, resize=None, crop=(91, 150)), id="padded by odd numbers"),
        pytest.param(replace(USUAL, resize=21, crop=(24, 28)), id="padded by even numbers"),
        pytest.param(replace(USUAL, interpolation="bicubic"), id="bicubic"),
        pytest.param(replace(USUAL, interpolation="nearest", antialias=False), id="nearest"),
        pytest.param(replace(USUAL, interpolation="bicubic", antialias=False), id="no antialias"),
        pytest.param(replace(USUAL, resize=(30, 41), antialias=False), id="no antialias, size"),
        pytest.param(replace(USUAL, channels=Channels.BGR, range=(0.0, 255.0)), id="bgr to 255"),
        pytest.param(replace(USUAL, range=(-1.0, 1.0)), id="from -1 to 1"),
        pytest.param(GREY, id="grey"),
        pytest.param(replace(GREY, mean=(0.4,) * 3, std=(0.2,) * 3), id="grey in three channels"),
    ],
)
@pytest.mark.parametrize("size", [(90, 61), (61, 90)])
def test_every_way_of_preparing(how: Preprocessing, size: tuple[int, int], tmp_path: Path) -> None:
    path = saved(tmp_path / "picture.png", size)
    wanted = prepare(load_image(path), how).tensor
    assert torch.equal(prepared_by_script(path, how), wanted)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_mode_of_a_file(mode: str, tmp_path: Path) -> None:
    suffix = ".tiff" if mode == "CMYK" else ".png"
    path = saved(tmp_path / f"picture{suffix}", (90, 61), mode)
    wanted = prepare(load_image(path), USUAL).tensor
    assert torch.equal(prepared_by_script(path, USUAL), wanted)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_that_was_turned(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "turned.jpg", (90, 61), quality=95, exif=exif)
    wanted = prepare(load_image(path), USUAL).tensor
    assert torch.equal(prepared_by_script(path, USUAL), wanted)


def test_a_further_page(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (70, 50), colour) for colour in ("red", "blue")]
    path = tmp_path / "pages.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    wanted = prepare(load_image(path, page=2), USUAL).tensor
    assert torch.equal(prepared_by_script(path, USUAL, page=2), wanted)
    assert not torch.equal(prepared_by_script(path, USUAL), wanted)
