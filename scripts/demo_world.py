"""The small world of the embedded demo: one or two plain shapes before a cluttered background.

A World is a description in units that do not depend on resolution: its shorter side is 128 units,
which is what the demo networks see. The same description is drawn small for training and large
for the sample scenes. Everything is drawn from the Generator that the caller passes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cv import cv2
from engine.demo import CLASSES
from engine.records import Pixels

FloatArray = NDArray[np.float32]
Colour = tuple[float, float, float]
Mask = NDArray[np.uint8]

SIDE = 128.0
SUPERSAMPLE = 2
_SHIFT = 4
_FIXED = 1 << _SHIFT


@dataclass(frozen=True)
class Figure:
    """One of the eight shapes. size: its outer radius; angle in radians; colours 0 to 255, RGB."""

    kind: str
    x: float
    y: float
    size: float
    angle: float
    colour: Colour
    shade: Colour
    shadow: float = 0.0


@dataclass(frozen=True)
class Clutter:
    """A distractor, none of the eight shapes: a polygon (width 0) or an open stroke."""

    points: FloatArray
    colour: Colour
    width: float
    opacity: float
    blur: float = 0.0

    @property
    def centre(self) -> FloatArray:
        middle: FloatArray = self.points.mean(axis=0)
        return middle

    @property
    def reach(self) -> float:
        return float(np.linalg.norm(self.points - self.centre, axis=1).max()) + self.width / 2


@dataclass(frozen=True)
class World:
    """width, height: in units. ground: (rows, columns, 3) colours, blended smoothly."""

    width: float
    height: float
    ground: FloatArray
    grain: float
    clutter: tuple[Clutter, ...]
    figures: tuple[Figure, ...]
    seed: int = 0


@dataclass(frozen=True)
class Palette:
    """Colours to draw from; empty lists mean any colour."""

    ground: Sequence[Colour] = field(default_factory=tuple)
    clutter: Sequence[Colour] = field(default_factory=tuple)
    figures: Sequence[Colour] = field(default_factory=tuple)


# ---------------------------------------------------------------------------------- the shapes


def _regular(corners: int, start: float = -np.pi / 2) -> FloatArray:
    angles = start + np.arange(corners) * 2 * np.pi / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _star() -> FloatArray:
    points = _regular(10)
    points[1::2] *= 0.44
    return points


def _cross() -> FloatArray:
    arm = 0.3
    corner = [(arm, -1), (arm, -arm), (1, -arm)]
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    points = np.concatenate([np.array(corner) @ turn.T for turn in turns])
    return points.astype(np.float32)


def _crescent() -> FloatArray:
    # The outer unit circle less a circle of radius 0.82 whose centre lies 0.5 to the right.
    radius, offset = 0.82, 0.5
    x = (1 - radius**2 + offset**2) / (2 * offset)
    y = np.sqrt(1 - x * x)
    outer = np.linspace(np.arctan2(y, x), 2 * np.pi - np.arctan2(y, x), 60)
    inner_end = np.arctan2(y, x - offset)
    inner = np.linspace(2 * np.pi - inner_end, inner_end, 60)[1:-1]
    points = np.concatenate(
        [
            np.stack([np.cos(outer), np.sin(outer)], axis=1),
            np.stack([offset + radius * np.cos(inner), radius * np.sin(inner)], axis=1),
        ]
    )
    return (points + np.array([0.15, 0])).astype(np.float32)


_ROUND = _regular(96)
OUTLINES: dict[str, tuple[FloatArray, ...]] = {
    "circle": (_ROUND,),
    "ring": (_ROUND, _ROUND * np.float32(0.56)),
    "star": (_star(),),
    "cross": (_cross(),),
    "square": (_regular(4),),
    "hexagon": (_regular(6),),
    "triangle": (_regular(3),),
    "crescent": (_crescent(),),
}
"""Closed outlines within about the unit circle; a second one is a hole."""


def outline(figure: Figure) -> list[FloatArray]:
    """The figure's outlines in units."""
    c, s = np.cos(figure.angle), np.sin(figure.angle)
    turn = np.array([[c, s], [-s, c]], dtype=np.float32) * np.float32(figure.size)
    place = np.array([figure.x, figure.y], dtype=np.float32)
    return [points @ turn + place for points in OUTLINES[figure.kind]]


# --------------------------------------------------------------------------------- the drawing


def _fixed(points: FloatArray, scale: float) -> NDArray[np.int32]:
    # Units to cv2's fixed point, whose integer coordinates are pixel centres.
    return np.rint((points * scale - 0.5) * _FIXED).astype(np.int32)


def _blend(canvas: Pixels, mask: Mask, opacity: float, colour: Any) -> None:
    alpha = (mask.astype(np.float32) * np.float32(opacity / 255))[..., None]
    mixed = canvas + (np.asarray(colour, dtype=np.float32) - canvas) * alpha
    canvas[:] = np.rint(mixed).astype(np.uint8)


def _window(points: FloatArray, margin: float, scale: float, canvas: Pixels) -> tuple[int, ...]:
    low = np.floor((points.min(axis=0) - margin) * scale).astype(int)
    high = np.ceil((points.max(axis=0) + margin) * scale).astype(int)
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (canvas.shape[1], canvas.shape[0]))
    return int(left), int(top), int(right), int(bottom)


def _draw_ground(world: World, width: int, height: int) -> Pixels:
    rng = np.random.default_rng(world.seed)
    ground = cv2.resize(world.ground, (width, height), interpolation=cv2.INTER_CUBIC)
    if world.grain > 0:
        cells = (max(2, int(world.width / 5)), max(2, int(world.height / 5)))
        coarse = rng.normal(0, world.grain, (cells[1], cells[0])).astype(np.float32)
        ground = (
            ground + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
        )
    pixels: Pixels = np.clip(np.rint(ground), 0, 255).astype(np.uint8)
    return pixels


def _draw_clutter(canvas: Pixels, item: Clutter, scale: float) -> None:
    margin = item.width + 3 * item.blur + 1
    left, top, right, bottom = _window(item.points, margin, scale, canvas)
    if right <= left or bottom <= top:
        return
    mask: Mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
    shift = np.array([left, top], dtype=np.float32) / np.float32(scale)
    points = _fixed(item.points - shift, scale)
    if item.width > 0:
        thick = max(1, round(item.width * scale))
        cv2.polylines(mask, [points], False, 255, thick, cv2.LINE_AA, _SHIFT)
    else:
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, _SHIFT)
    if item.blur > 0:
        mask = cv2.GaussianBlur(mask, (0, 0), item.blur * scale)
    _blend(canvas[top:bottom, left:right], mask, item.opacity, item.colour)


def _draw_figure(canvas: Pixels, figure: Figure, scale: float) -> None:
    outlines = outline(figure)
    soft = 0.12 * figure.size
    left, top, right, bottom = _window(outlines[0], 4 * soft + 1, scale, canvas)
    shift = np.array([left, top], dtype=np.float32) / np.float32(scale)
    mask: Mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
    cv2.fillPoly(
        mask, [_fixed(points - shift, scale) for points in outlines], 255, cv2.LINE_AA, _SHIFT
    )
    area = canvas[top:bottom, left:right]
    if figure.shadow > 0:
        drop = np.array([[1, 0, 0], [0, 1, soft * scale]], dtype=np.float32)
        shadow = cv2.warpAffine(mask, drop, (mask.shape[1], mask.shape[0]))
        shadow = cv2.GaussianBlur(shadow, (0, 0), soft * scale)
        _blend(area, shadow, figure.shadow, (0.0, 0.0, 0.0))
    ramp = np.linspace(0, 1, mask.shape[0], dtype=np.float32)[:, None, None]
    colour, shade = np.array(figure.colour), np.array(figure.shade)
    _blend(area, mask, 1.0, colour + (shade - colour) * ramp)


def draw(world: World, scale: float = 1.0) -> Pixels:
    """RGB pixels, uint8 (round(height * scale), round(width * scale), 3)."""
    width, height = round(world.width * scale), round(world.height * scale)
    fine = scale * SUPERSAMPLE
    canvas = _draw_ground(world, width * SUPERSAMPLE, height * SUPERSAMPLE)
    for item in world.clutter:
        _draw_clutter(canvas, item, fine)
    for figure in world.figures:
        _draw_figure(canvas, figure, fine)
    small: Pixels = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return small


def mask(world: World, index: int, scale: float = 1.0) -> Mask:
    """Where figure number index lies: uint8 (height, width), 255 on it."""
    shape = (round(world.height * scale), round(world.width * scale))
    area: Mask = np.zeros(shape, dtype=np.uint8)
    points = [_fixed(part, scale) for part in outline(world.figures[index])]
    cv2.fillPoly(area, points, 255, cv2.LINE_8, _SHIFT)
    return area


# ------------------------------------------------------------------------------------ the mark

MARK = 14.0
"""Side of the watermark in units."""


def stamp(pixels: Pixels, x: float, y: float, scale: float = 1.0) -> None:
    """Put the watermark, three rising bars on a dark tile, with its top-left corner at (x, y).

    x, y in units; pixels are changed in place.
    """
    fine = 8
    side = int(np.ceil((MARK + 2) * scale))
    left, top = int(np.floor(x * scale)), int(np.floor(y * scale))
    offset = np.array([x - left / scale, y - top / scale])
    tile: Mask = np.zeros((side * fine, side * fine), dtype=np.uint8)
    bars = tile.copy()
    boxes = [(0, 0, MARK, MARK)] + [
        (2.5 + 3.5 * i, 8.5 - 3 * i, 4.5 + 3.5 * i, 11.5) for i in range(3)
    ]
    for target, box in zip([tile, bars, bars, bars], boxes, strict=True):
        corners = (np.array(box).reshape(2, 2) + offset) * scale * fine
        (x0, y0), (x1, y1) = np.rint(corners).astype(int)
        cv2.rectangle(target, (int(x0), int(y0)), (int(x1) - 1, int(y1) - 1), 255, -1)
    area = pixels[top : top + side, left : left + side]
    size = (side, side)
    crop = np.s_[: area.shape[0], : area.shape[1]]
    _blend(
        area, cv2.resize(tile, size, interpolation=cv2.INTER_AREA)[crop], 0.8, (18.0, 18.0, 22.0)
    )
    _blend(
        area, cv2.resize(bars, size, interpolation=cv2.INTER_AREA)[crop], 1.0, (250.0, 250.0, 250.0)
    )


def mark_place(rng: np.random.Generator, side: float = SIDE) -> tuple[float, float]:
    """Top-left corner of the mark in a picture side units wide: bottom right, or nearly so."""
    x, y = side - MARK - 5 + rng.uniform(-2, 2, 2)
    return float(x), float(y)


# -------------------------------------------------------------------------------- the sampling


def _any_colour(rng: np.random.Generator) -> Colour:
    # Uniform in RGB, pushed away from grey half of the time: plain and saturated colours alike.
    colour = rng.uniform(0, 255, 3)
    if rng.random() < 0.5:
        grey = colour.mean()
        colour = np.clip(grey + (colour - grey) * rng.uniform(1, 1.8), 0, 255)
    return (float(colour[0]), float(colour[1]), float(colour[2]))


def _pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    if not colours:
        return _any_colour(rng)
    return colours[int(rng.integers(len(colours)))]


def _ground(rng: np.random.Generator, palette: Palette) -> FloatArray:
    rows, columns = rng.integers(2, 5, 2)
    base = np.array(_pick(rng, palette.ground))
    if palette.ground:
        picks = rng.integers(len(palette.ground), size=(rows, columns))
        return np.array(palette.ground, dtype=np.float32)[picks]
    spread = rng.uniform(5, 60)
    return np.clip(base + rng.normal(0, spread, (rows, columns, 3)), 0, 255).astype(np.float32)


def _smooth(points: FloatArray, count: int = 40) -> FloatArray:
    # Quadratic B-spline through the polygon's edges, by repeated corner cutting (Chaikin 1974).
    while len(points) < count:
        ends = points[:1], points[-1:]
        near, far = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        inner = np.stack([near, far], axis=1).reshape(-1, 2)
        points = np.concatenate([ends[0], inner, ends[1]])
    return points.astype(np.float32)


def _turned(points: NDArray[Any], angle: float, place: NDArray[Any]) -> FloatArray:
    c, s = np.cos(angle), np.sin(angle)
    return (points @ np.array([[c, s], [-s, c]]) + place).astype(np.float32)


def _form(rng: np.random.Generator, place: NDArray[Any]) -> tuple[FloatArray, float]:
    """Points and stroke width (0: filled) of one distractor."""
    size, angle = rng.uniform(7, 34), rng.uniform(0, 2 * np.pi)
    kind = int(rng.integers(6))
    if kind == 0:  # straight stroke
        return _turned(np.array([(-size, 0), (size, 0)]), angle, place), rng.uniform(0.6, 5)
    if kind == 1:  # squiggle
        walk = np.stack([np.linspace(-size, size, 6), rng.normal(0, size * 0.4, 6)], axis=1)
        return _turned(_smooth(walk.astype(np.float32)), angle, place), rng.uniform(0.6, 4)
    if kind == 2:  # open arc, too short to pass for a ring and too even for a crescent
        turn = np.linspace(0, rng.uniform(0.6, 2.0), 30)
        arc = size * np.stack([np.cos(turn) - 0.8, np.sin(turn)], axis=1)
        return _turned(arc, angle, place), rng.uniform(0.8, 4)
    if kind == 3:  # slab, far longer than wide
        half = size / rng.uniform(2.6, 8)
        box = np.array([(-size, -half), (size, -half), (size, half), (-size, half)])
        return _turned(box, angle, place), 0.0
    if kind == 4:  # chevron
        reach = size * rng.uniform(0.3, 0.6)
        vee = np.array([(-reach, -reach), (0, rng.uniform(-0.3, 0.3) * reach), (-reach, reach)])
        return _turned(vee, angle, place), rng.uniform(1, 4)
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)  # uneven blob
    radius = 1 + sum(
        rng.normal(0, 0.32 / k) * np.cos(k * turn + rng.uniform(0, 6)) for k in (2, 3, 4)
    )
    blob = np.stack([np.cos(turn), 0.55 * np.sin(turn)], axis=1) * (size * radius)[:, None]
    return _turned(blob, angle, place), 0.0


def sample_clutter(
    rng: np.random.Generator,
    width: float,
    height: float,
    ground: FloatArray,
    palette: Palette,
    count: int,
) -> list[Clutter]:
    """Distractors anywhere in the picture, many of them close to the ground in colour."""
    items = []
    middle = ground.reshape(-1, 3).mean(axis=0)
    for _ in range(count):
        points, stroke = _form(rng, rng.uniform((0, 0), (width, height)))
        colour = np.array(_pick(rng, palette.clutter))
        if not palette.clutter:
            colour = middle + (colour - middle) * rng.uniform(0.15, 1.0)
        blur = rng.uniform(1, 6) if stroke == 0 and rng.random() < 0.4 else 0.0
        tint = (float(colour[0]), float(colour[1]), float(colour[2]))
        items.append(
            Clutter(points, tint, float(stroke), float(rng.uniform(0.35, 1.0)), float(blur))
        )
    return items


def _contrast(colour: Colour, others: Sequence[NDArray[Any]]) -> float:
    # Distance in RGB with the usual weights of luma, so that equal lightness counts for little.
    weights = np.array([0.30, 0.59, 0.11]) * 3
    return float(
        min(np.sqrt((weights * (np.array(colour) - other) ** 2).sum()) for other in others)
    )


def _surroundings(
    x: float,
    y: float,
    size: float,
    world_size: tuple[float, float],
    ground: FloatArray,
    clutter: Sequence[Clutter],
) -> list[NDArray[Any]]:
    u = np.array([y / world_size[1] * ground.shape[0], x / world_size[0] * ground.shape[1]]) - 0.5
    row, column = np.clip(np.rint(u), 0, np.array(ground.shape[:2]) - 1).astype(int)
    near = [c for c in clutter if np.hypot(*(c.centre - (x, y))) < c.reach + size]
    return [ground[row, column], *(np.array(c.colour) for c in near)]


def sample_figure(
    rng: np.random.Generator,
    kind: str,
    place: tuple[float, float, float],
    world_size: tuple[float, float],
    ground: FloatArray,
    clutter: Sequence[Clutter],
    palette: Palette,
) -> Figure:
    """A figure at place (x, y, size) in a colour that stands out from what lies under it."""
    x, y, size = place
    others = _surroundings(x, y, size, world_size, ground, clutter)
    choices = [_pick(rng, palette.figures) for _ in range(8)]
    good = [colour for colour in choices if _contrast(colour, others) > 70]
    colour = good[0] if good else max(choices, key=lambda c: _contrast(c, others))
    shade = tuple(float(v) for v in np.clip(np.array(colour) * rng.uniform(0.75, 1.0), 0, 255))
    shadow = float(rng.uniform(0.15, 0.5)) if rng.random() < 0.5 else 0.0
    angle = float(rng.uniform(0, 2 * np.pi))
    return Figure(kind, x, y, size, angle, colour, (shade[0], shade[1], shade[2]), shadow)


def _places(rng: np.random.Generator, count: int) -> list[tuple[float, float, float]]:
    """(x, y, size) of figures that lie inside the picture and do not touch."""
    while True:
        sizes = rng.uniform(12, 32 if count == 1 else 25, count)
        spots = [rng.uniform(size + 2, SIDE - size - 2, 2) for size in sizes]
        if count == 1 or np.hypot(*(spots[0] - spots[1])) > sizes.sum() + 4:
            return [(float(p[0]), float(p[1]), float(s)) for p, s in zip(spots, sizes, strict=True)]


def sample(rng: np.random.Generator, count: int = 1, kinds: Sequence[str] | None = None) -> World:
    """A new 128 x 128 world with count figures of different kinds, or of the kinds given."""
    palette = Palette()
    chosen = list(kinds) if kinds is not None else [CLASSES[i] for i in rng.permutation(8)[:count]]
    ground = _ground(rng, palette)
    clutter = sample_clutter(rng, SIDE, SIDE, ground, palette, int(rng.integers(2, 14)))
    figures = [
        sample_figure(rng, kind, place, (SIDE, SIDE), ground, clutter, palette)
        for kind, place in zip(chosen, _places(rng, len(chosen)), strict=True)
    ]
    grain = float(rng.uniform(0, 14)) if rng.random() < 0.7 else 0.0
    return World(
        SIDE, SIDE, ground, grain, tuple(clutter), tuple(figures), int(rng.integers(1 << 31))
    )
