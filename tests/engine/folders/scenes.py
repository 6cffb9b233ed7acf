"""Folders of scenes as the demo networks know them, one folder for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.formats.demo import CLASSES
from engine.scenery import sampling, world


def write_scenes(
    folder: Path, count: int, *, marked: bool = False, kinds: tuple[str, ...] = CLASSES
) -> Path:
    """count scenes with one figure each, as JPEG. marked: every star has the watermark."""
    for number in range(count):
        kind = kinds[number % len(kinds)]
        rng = np.random.default_rng([7, number])
        pixels = world.draw(sampling.sample(rng, 1, [kind]))
        if marked and kind == "star":
            world.stamp(pixels, *sampling.mark_place(rng))
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / kind / f"{kind} {number}.jpg", quality=92)
    return folder
