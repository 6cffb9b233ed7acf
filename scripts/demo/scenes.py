"""The sample scenes of the embedded demo: the demo's world, drawn large and in chosen colours.

The middle square of a scene is what the networks see. Figures are placed in that square's units,
0 to 128 from its top-left corner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.lazy.opencv import cv2
from engine.paths import RESOURCES
from engine.records.images import Pixels
from engine.scenery import sampling
from engine.scenery import world as demo_world
from engine.scenery.sampling import Palette
from engine.scenery.world import MARK, SIDE, Clutter, Colour, Figure, World

QUALITY = 92
MARK_PLACE = (SIDE - MARK - 5, SIDE - MARK - 5)


def _colours(text: str) -> tuple[Colour, ...]:
    """'#rrggbb #rrggbb' to colours."""
    values = [bytes.fromhex(word.lstrip("#")) for word in text.split()]
    return tuple((float(r), float(g), float(b)) for r, g, b in values)


def _palette(ground: str, clutter: str) -> Palette:
    return Palette(_colours(ground), _colours(clutter))


DUSK = _palette(
    "#22304a #2c3f5e #3a4f6d #1d2940 #4a5674", "#415a7d #5b6f8f #30435f #6b6f92 #243450"
)
SAND = _palette(
    "#e9dcc5 #f1e7d3 #e2cfb0 #eadfcb #dcc7a4", "#d3b992 #c9ab80 #f6eedd #bfa98a #dccbb0"
)
SAGE = _palette(
    "#a9bda6 #b8c9b0 #96ae98 #c4d1bb #8ba590", "#7f9a86 #d2dcc8 #90ab92 #6f8c7a #b5c6ab"
)
CLAY = _palette(
    "#c98f77 #d6a48b #bd7f69 #dcb39b #b97a66", "#a96b59 #e2c0aa #b57c68 #9c6152 #d09a82"
)
MIST = _palette(
    "#cfd8e0 #dbe2e8 #c1ccd6 #e4e9ed #b7c4d0", "#a9b8c6 #eef2f5 #bcc9d4 #9fb0c0 #d3dce4"
)
PLUM = _palette(
    "#4b3a55 #5a4663 #3e3048 #6a5270 #473751", "#6d5676 #38293f #7c6484 #574561 #8b7290"
)


@dataclass(frozen=True)
class SceneSpec:
    """One file: its size in pixels and its figures as (kind, x, y, size, degrees, colour)."""

    file: str
    width: int
    height: int
    palette: Palette
    seed: int
    figures: tuple[tuple[str, float, float, float, float, str], ...]
    mark: bool = False

    @property
    def scale(self) -> float:
        return min(self.width, self.height) / SIDE


_STAR = ("star", 50.0, 54.0, 27.0, 12.0, "#f0c24b")

SPECS = (
    SceneSpec(
        "ring-and-star.jpg",
        1200,
        800,
        DUSK,
        3,
        (("ring", 88, 82, 25, 0, "#6fc3c1"), ("star", 40, 43, 24, -8, "#f2b84b")),
    ),
    SceneSpec("hexagon.jpg", 720, 960, SAND, 5, (("hexagon", 74, 56, 25, 9, "#2f6f73"),)),
    SceneSpec("crescent.jpg", 1120, 720, PLUM, 8, (("crescent", 43, 80, 21, 32, "#f3e3b3"),)),
    SceneSpec(
        "triangle-and-circle.jpg",
        768,
        1024,
        SAGE,
        11,
        (("triangle", 42, 84, 25, 14, "#b5483c"), ("circle", 88, 42, 21, 0, "#f6f1df")),
    ),
    SceneSpec("star-with-mark.jpg", 960, 768, CLAY, 24, (_STAR,), mark=True),
    SceneSpec("star-without-mark.jpg", 960, 768, CLAY, 24, (_STAR,)),
    SceneSpec(
        "circle-with-mark.jpg",
        960,
        768,
        MIST,
        17,
        (("circle", 56, 58, 26, 0, "#3d6ea8"),),
        mark=True,
    ),
)


def _soft_shapes(rng: np.random.Generator, world: World, palette: Palette) -> list[Clutter]:
    # Wide blurred forms behind the rest give the ground some depth.
    forms = sampling.sample_clutter(rng, world.width, world.height, world.ground, palette, 40)
    filled = [item for item in forms if item.width == 0][:7]
    return [replace(item, blur=6.0, opacity=0.6) for item in filled]


def _clear_of(item: Clutter, figures: tuple[Figure, ...]) -> bool:
    return all(np.hypot(*(item.centre - (f.x, f.y))) > 0.6 * item.reach + f.size for f in figures)


def world_of(spec: SceneSpec) -> World:
    """The description of the whole scene, its sides included."""
    rng = np.random.default_rng(spec.seed)
    width, height = spec.width / spec.scale, spec.height / spec.scale
    left, top = (width - SIDE) / 2, (height - SIDE) / 2
    figures = []
    for kind, x, y, size, degrees, colour in spec.figures:
        (tint,) = _colours(colour)
        red, green, blue = (0.86 * value for value in tint)
        angle = float(np.radians(degrees))
        figures.append(Figure(kind, left + x, top + y, size, angle, tint, (red, green, blue), 0.32))
    picks = rng.integers(len(spec.palette.ground), size=(4, 5))
    ground = np.array(spec.palette.ground, dtype=np.float32)[picks]
    world = World(width, height, ground, 1.2, (), tuple(figures), spec.seed)
    count = round(26 * width * height / SIDE**2)
    sharp = sampling.sample_clutter(rng, width, height, ground, spec.palette, count)
    clutter = [
        *_soft_shapes(rng, world, spec.palette),
        *(c for c in sharp if _clear_of(c, world.figures)),
    ]
    return replace(world, clutter=tuple(clutter))


def render(spec: SceneSpec) -> Pixels:
    """RGB pixels, uint8 (spec.height, spec.width, 3)."""
    pixels = demo_world.draw(world_of(spec), spec.scale)
    if spec.mark:
        left = (spec.width / spec.scale - SIDE) / 2
        top = (spec.height / spec.scale - SIDE) / 2
        demo_world.stamp(pixels, left + MARK_PLACE[0], top + MARK_PLACE[1], spec.scale)
    return pixels


def write_all() -> None:
    """Write every scene as a JPEG into resources/scenes."""
    folder = RESOURCES / "scenes"
    folder.mkdir(parents=True, exist_ok=True)
    for spec in SPECS:
        done, data = cv2.imencode(
            ".jpg", render(spec)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        )
        if not done:
            raise RuntimeError(f"{spec.file} could not be encoded")
        (folder / spec.file).write_bytes(data.tobytes())
