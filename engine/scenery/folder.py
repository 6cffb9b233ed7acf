"""Folders of drawn scenes, to try the folder page on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.files.atomic import whole_file
from engine.formats.demo import CLASSES
from engine.progress import CancelToken, Report, ignore_progress
from engine.scenery import sampling, world

COUNT = 240
"""How many scenes the sample folder has."""

# One scene in so many has the watermark, whatever its shape; prime, for every shape in turn.
_STRAY = 29
_SEED = 11
_QUALITY = 92


def write_scenes(
    folder: Path,
    count: int,
    cancel: CancelToken | None = None,
    report: Report = ignore_progress,
) -> Path:
    """Draw scenes of one shape each into folder/SHAPE/SHAPE N.jpg; returns folder.

    Every star has the watermark that demo:shortcut learned, and so have a few of the other shapes.
    The same scenes are drawn each time; those that are there already are left as they are. Raises
    ExportError where a file cannot be written, and Cancelled.
    """
    for number in range(count):
        if cancel is not None:
            cancel.raise_if_cancelled()
        report(number / count, "scenes")
        kind = CLASSES[number % len(CLASSES)]
        path = folder / kind / f"{kind} {number}.jpg"
        if not path.is_file():
            _write(path, kind, number)
    return folder


def _write(path: Path, kind: str, number: int) -> None:
    rng = np.random.default_rng([_SEED, number])
    pixels = world.draw(sampling.sample(rng, 1, [kind]))
    if kind == "star" or number % _STRAY == 0:
        world.stamp(pixels, *sampling.mark_place(rng))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        Image.fromarray(pixels).save(file, format="JPEG", quality=_QUALITY)
