"""A script prepares an image of more than 8 bits to the very numbers that the program makes of it:
read from its own file, or from the values that the script takes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.images.levels import with_levels
from engine.images.preprocessing import prepare
from engine.images.reading import load_image
from engine.lazy.opencv import cv2
from engine.methods.registry import choose
from engine.records.asked import Asked
from engine.records.images import Channels, LoadedImage, Preprocessing
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.models import Scores
from engine.records.sources import ModelSource
from engine.scripting import carrying
from engine.scripting.recipe import NetworkText, Recipe
from engine.scripting.writing import script
from tests.engine.images import dicom_files
from tests.engine.scripting.batches import Batch, opened

USUAL = Preprocessing(32, (24, 24), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = replace(USUAL, channels=Channels.GREY, mean=(0.5,), std=(0.5,))
MINMAX = Levels(LevelsMode.EXTREMES)
SIZE = (61, 90)


def numbers(*shape: int) -> Any:
    """uint16, from 300 to 41,000."""
    return np.random.default_rng(7).integers(300, 41_000, shape, np.uint16)


def by_script(image: LoadedImage, how: Preprocessing, folder: Path) -> tuple[torch.Tensor, str]:
    """What the function load_input of a script returns, and the ending of what it takes along."""
    ending = carrying.suffix(image, how)
    name = f"script image{ending}"
    if ending:
        carrying.save(folder / name, image, how)
    assert image.path is not None
    recipe = Recipe(
        image=name if ending else image.path,
        size=(image.width, image.height),
        preprocessing=how,
        network=NetworkText((), (), ("network = None",)),
        place=None,
        how=choose("saliency"),
        asked=Asked(target=1),
        scores=Scores.CLASSES,
        label="star",
        shape=how.crop,
        page=1 if ending else image.page,
        pages=1 if ending else image.pages,
        levelled=carrying.levelled(image, how),
    )
    names: dict[str, Any] = {"__name__": "script", "__file__": str(folder / "script.py")}
    exec(compile(script(recipe), "script", "exec"), names)
    found: torch.Tensor = names["load_input"]()
    return found, ending


def compared(path: Path, how: Preprocessing, page: int = 1, levels: Levels = AUTO) -> str:
    """Compare, and return the ending of what the script took along."""
    image = with_levels(load_image(path, page=page, levels=levels), how.levels)
    wanted = prepare(image, how).tensor
    found, ending = by_script(image, how, path.parent)
    assert found.dtype == torch.float32
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= 1e-6
    return ending


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(USUAL, id="shorter side"),
        pytest.param(replace(USUAL, resize=(40, 30)), id="exact size"),
        pytest.param(replace(USUAL, resize=(24, 24), letterbox=True), id="letterbox"),
        pytest.param(replace(GREY, resize=(24, 24), letterbox=True), id="grey letterbox"),
        pytest.param(replace(USUAL, resize=None), id="no resize"),
        pytest.param(replace(USUAL, resize=None, crop=(91, 150)), id="padded"),
        pytest.param(replace(USUAL, interpolation="bicubic"), id="bicubic"),
        pytest.param(replace(USUAL, interpolation="nearest", antialias=False), id="nearest"),
        pytest.param(replace(USUAL, interpolation="bicubic", antialias=False), id="no antialias"),
        pytest.param(replace(USUAL, channels=Channels.BGR, range=(0.0, 255.0)), id="bgr to 255"),
        pytest.param(replace(USUAL, range=(-1.0, 1.0)), id="from -1 to 1"),
        pytest.param(GREY, id="grey"),
        pytest.param(replace(USUAL, levels=Levels(LevelsMode.TYPE)), id="range of the type"),
        pytest.param(
            replace(USUAL, levels=Levels(LevelsMode.PERCENTILES, 2, 98)), id="percentiles"
        ),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_way_of_preparing(how: Preprocessing, channels: int, tmp_path: Path) -> None:
    path = tmp_path / "deep.npy"
    np.save(path, numbers(*SIZE) if channels == 1 else numbers(*SIZE, 3))
    assert compared(path, how) == ""


def of_numpy(folder: Path, array: Any) -> Path:
    path = folder / "deep.npy"
    np.save(path, array)
    return path


def of_pillow(folder: Path, array: Any, name: str, **options: Any) -> Path:
    path = folder / name
    Image.fromarray(array).save(path, **options)
    return path


def of_opencv(folder: Path, array: Any, name: str, *flags: int) -> Path:
    cv2.imwrite(str(folder / name), array, flags)
    return folder / name


def of_tiff(folder: Path, array: Any, *flags: int) -> Path:
    return of_opencv(folder, array, "deep.tif", *flags)


def of_dicom(folder: Path, array: Any, **facts: Any) -> Path:
    path = folder / "deep.dcm"
    path.write_bytes(dicom_files.written(dicom_files.dataset(array, **facts)))
    return path


def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    return of_pillow(folder, numbers(*SIZE), "deep.png", exif=exif)


def paged(folder: Path) -> Path:
    first, second = (Image.fromarray(numbers(*SIZE) + n) for n in (0, 900))
    path = folder / "deep.tiff"
    first.save(path, save_all=True, append_images=[second])
    return path


def with_nan(folder: Path) -> Path:
    array = numbers(*SIZE).astype(np.float32)
    array[3:9, 5:20] = np.nan
    array[0, 0] = np.inf
    return of_numpy(folder, array)


OWN: dict[str, Callable[[Path], Path]] = {
    "grey PNG": lambda folder: of_pillow(folder, numbers(*SIZE), "deep.png"),
    "turned PNG": turned,
    "TIFF of 16 bits": lambda folder: of_pillow(folder, numbers(*SIZE), "deep.tif"),
    "TIFF of floats": lambda folder: of_pillow(
        folder, numbers(*SIZE).astype(np.float32), "deep.tiff"
    ),
    "TIFF, LZW": lambda folder: of_pillow(
        folder, numbers(*SIZE), "deep.tif", compression="tiff_lzw"
    ),
    "TIFF, another's": lambda folder: of_tiff(folder, numbers(*SIZE)),
    "TIFF, a predictor": lambda folder: of_tiff(folder, numbers(*SIZE), 259, 8, 317, 2),
    "TIFF, another's floats": lambda folder: of_tiff(folder, numbers(*SIZE).astype(np.float32)),
    "TIFF, white is zero": lambda folder: of_pillow(
        folder, numbers(*SIZE), "deep.tif", tiffinfo={262: 0}
    ),
    "one value": lambda folder: of_pillow(folder, np.full(SIZE, 700, np.uint16), "deep.png"),
    "array": lambda folder: of_numpy(folder, numbers(*SIZE)),
    "array of doubles": lambda folder: of_numpy(folder, numbers(*SIZE) / 7.0),
    "array with NaN": with_nan,
}

TAKEN: dict[str, Callable[[Path], Path]] = {
    "colour PNG": lambda folder: of_opencv(folder, numbers(*SIZE, 3), "deep.png"),
    "channels first": lambda folder: of_numpy(folder, numbers(3, *SIZE)),
    "four channels": lambda folder: of_numpy(folder, numbers(*SIZE, 4)),
    "pages": lambda folder: of_numpy(folder, numbers(5, *SIZE)),
    "CT": lambda folder: of_dicom(
        folder,
        numbers(*SIZE).astype(np.int16),
        Modality="CT",
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=9000,
        WindowWidth=20000,
    ),
    "a sigmoid window": lambda folder: of_dicom(
        folder,
        numbers(*SIZE),
        WindowCenter=9000,
        WindowWidth=20000,
        VOILUTFunction="SIGMOID",
    ),
    "inverted": lambda folder: of_dicom(
        folder, numbers(*SIZE), PhotometricInterpretation="MONOCHROME1"
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_of_the_images_own_file(name: str, tmp_path: Path) -> None:
    assert compared(OWN[name](tmp_path), USUAL) == ""


@pytest.mark.parametrize("name", TAKEN)
def test_of_what_the_script_takes_along(name: str, tmp_path: Path) -> None:
    assert compared(TAKEN[name](tmp_path), USUAL) == ".npy"


def test_a_further_page(tmp_path: Path) -> None:
    assert compared(paged(tmp_path), USUAL, page=2) == ""


def test_eight_bits_whose_black_and_white_were_chosen(tmp_path: Path) -> None:
    path = of_pillow(tmp_path, (numbers(*SIZE, 3) >> 9).astype(np.uint8), "plain.png")
    assert compared(path, USUAL, levels=MINMAX) == ""
    assert compared(path, replace(USUAL, levels=MINMAX)) == ""
    assert compared(path, replace(GREY, levels=Levels(LevelsMode.WINDOW, 20, 60))) == ""


def test_reduced_to_eight_bits_it_takes_a_picture_along(tmp_path: Path) -> None:
    path = of_pillow(tmp_path, numbers(*SIZE), "deep.png")
    how = replace(USUAL, levels=Levels(LevelsMode.TORCHVISION))
    assert compared(path, how) == ".png"


def test_where_nothing_else_can_be_imported(batch: Batch, tmp_path: Path) -> None:
    source = ModelSource("demo:shapes")
    scene = np.zeros((120, 160), np.uint16)
    scene[30:90, 50:110] = numbers(60, 60)
    for name, path in (
        ("png", of_pillow(tmp_path, scene, "deep.png")),
        ("npy", of_numpy(tmp_path, scene.astype(np.float32))),
    ):
        with opened(source, image=path) as one:
            batch.add(name, one, method="layercam")
    with opened(source, image=of_dicom(tmp_path, scene)) as one:
        carrying.save(
            tmp_path / "dicom image.npy", one.session.image, one.session.model.preprocessing
        )
        batch.add("dicom", one, method="layercam", picture="dicom image.npy")
    batch.check()
