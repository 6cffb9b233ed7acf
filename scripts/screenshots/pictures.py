"""Pictures to open: more of the demo's world, at any size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.lazy.opencv import cv2
from engine.scenery import sampling
from engine.scenery import world as demo_world
from engine.scenery.world import SIDE
from scripts.demo import scenes

# Drawing costs time by the pixel; what is larger is drawn at this side and scaled up.
_MOST = 1600
_PALETTES = (
    scenes.DUSK,
    scenes.SAND,
    scenes.SAGE,
    scenes.CLAY,
    scenes.MIST,
    scenes.PLUM,
)


def write(path: Path, width: int, height: int, seed: int, grain: float = 1.2) -> Path:
    """Write a scene with one shape as JPEG or PNG; returns the path."""
    rng = np.random.default_rng(seed)
    shrink = max(1.0, max(width, height) / _MOST)
    scale = min(width, height) / shrink / SIDE
    across, down = width / shrink / scale, height / shrink / scale
    palette = _PALETTES[seed % len(_PALETTES)]
    world = sampling.sample(rng)
    left, top = (across - SIDE) / 2, (down - SIDE) / 2
    figures = tuple(replace(f, x=f.x + left, y=f.y + top) for f in world.figures)
    ground = np.array(palette.ground, np.float32)[rng.integers(len(palette.ground), size=(4, 5))]
    count = round(20 * across * down / SIDE**2)
    clutter = sampling.sample_clutter(rng, across, down, ground, palette, count)
    wide = replace(
        world,
        width=across,
        height=down,
        ground=ground,
        grain=grain,
        figures=figures,
        clutter=tuple(clutter),
    )
    pixels = demo_world.draw(wide, scale)
    if shrink > 1:
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(pixels).save(path, quality=90)
    return path
