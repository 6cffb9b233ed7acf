"""Writes results to files: images, raw maps, JSON and text. Every write is atomic."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.errors import ExportError
from engine.escaping import json_spelled, plain
from engine.export.references import NO_NAMES, NO_PICTURES, Pictures, with_files
from engine.files.atomic import whole_file
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import LoadedImage, Pixels
from engine.render import caption as figure
from engine.render import overlay

JPEG_LIMIT = 65_500
"""Longest side of a JPEG, in pixels."""

_LONGEST_KEY = 10_000
"""Longest key in an .npz, in characters: names in a ZIP archive have at most 65,535 bytes."""

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def render(
    image: LoadedImage,
    explanation: Explanation,
    settings: DisplaySettings,
    *,
    caption: bool,
    colorbar: bool,
    subject: bool = False,
) -> Pixels:
    """The image with its overlay at the original's full resolution: uint8 (h, w, 3), RGB.

    Pixels of the original keep their positions; caption (image, model, layer, class, method and
    scale, as text) or colorbar (colours with their map values) adds a band below, and an image
    narrower than figure.NARROWEST pixels also gets a margin on its right. subject: see caption.
    """
    band = None
    if caption or colorbar:
        words: tuple[str, ...] = ()
        if caption:
            words = figure.caption(image, explanation, settings, subject=subject)
        bar = (explanation, settings) if colorbar else None
        band = figure.band((image.width, image.height), words, bar)
    if band is None:
        return overlay.blend(image.pixels, explanation, settings)
    result = np.empty((image.height + band.shape[0], band.shape[1], 3), np.uint8)
    result[:] = figure.PAPER
    result[: image.height, : image.width] = image.pixels
    overlay.blend_into(result[: image.height, : image.width], explanation, settings)
    result[image.height :] = band
    return result


def save_picture(path: Path | str, pixels: Pixels, quality: int = 95) -> None:
    """Writes pixels (uint8 (h, w, 3), RGB) as PNG or JPEG, by the suffix of path.

    quality: 1 to 100, for JPEG. Raises ExportError, also for a JPEG beyond 65,500 pixels a side.
    """
    path = Path(path)
    format = _FORMATS.get(path.suffix.lower())
    if format is None:
        suffix = path.suffix or "no suffix"
        raise ExportError(f"cannot write {path.name}: {suffix} is not supported; use .png or .jpg")
    height, width = pixels.shape[:2]
    if format == "JPEG" and max(width, height) > JPEG_LIMIT:
        raise ExportError(
            f"cannot write {path.name}: {width} x {height} exceeds the JPEG limit of "
            f"{JPEG_LIMIT:,} pixels a side; use .png"
        )
    # Twice as fast as Pillow's default of 6, for a file larger by a twelfth.
    options: dict[str, Any] = {"compress_level": 4}
    if format == "JPEG":
        # Colour maps use saturated colours, which chroma subsampling would smear.
        options = {"quality": quality, "subsampling": 0}
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    with whole_file(path) as file:
        picture.save(file, format=format, **options)


def save_map(path: Path | str, map: FloatMap) -> None:
    """Writes a map unchanged, signed float32 (rows, columns), in NumPy's .npy format.

    Raises ExportError, also if the suffix is not .npy.
    """
    path = Path(path)
    if path.suffix.lower() != ".npy":
        raise ExportError(f"cannot write {path.name}: a map is saved as .npy; use that suffix")
    with whole_file(path) as file:
        np.save(file, np.asarray(map, dtype=np.float32), allow_pickle=False)


def save_maps(path: Path | str, maps: Mapping[str, FloatMap]) -> None:
    """Writes several maps into one compressed .npz; keys are layer names. Raises ExportError.

    Characters that a file name cannot contain are escaped in the keys.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise ExportError(f"cannot write {path.name}: maps are saved as .npz; use that suffix")
    # Not numpy.savez: a layer may have the name of one of its parameters.
    with (
        whole_file(path) as file,
        zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, map in _keyed(maps).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(map, np.float32), allow_pickle=False)


def _keyed(maps: Mapping[str, FloatMap]) -> dict[str, FloatMap]:
    """The maps by unique names that a ZIP archive can hold."""
    keyed: dict[str, FloatMap] = {}
    for name, map in maps.items():
        key = wanted = plain(name, _LONGEST_KEY)
        number = 2
        while key in keyed:
            key = f"{wanted} ({number})"
            number += 1
        keyed[key] = map
    return keyed


def save_json(
    path: Path | str,
    content: Any,
    pictures: Pictures = NO_PICTURES,
    names: Mapping[str, str] = NO_NAMES,
) -> None:
    """Writes content as indented UTF-8 JSON. Raises ExportError.

    The files that views and edits name are noted in it, with their checksums, and pictures are
    written beside it, as with_files does; so are names.
    Invisible and bidirectional characters are written as JSON escapes, lone surrogates too: the
    values are exact.
    """
    content = with_files(content, Path(path), pictures, names)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(Path(path)) as file:
        file.write(json_spelled(text).encode("utf-8"))


def save_text(path: Path | str, text: str) -> None:
    """Writes text as UTF-8, with the line ends that it has. Raises ExportError."""
    with whole_file(Path(path)) as file:
        file.write(text.encode("utf-8"))
