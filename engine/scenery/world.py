"""The small world of the embedded demo: one or two plain shapes before a cluttered background.

A World is a description in units that do not depend on resolution: its shorter side is 128 units,
which is what the demo networks see. The same description is drawn small for training and large
for the sample scenes. How worlds are thought up is in sampling.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.lazy.opencv import cv2
from engine.records.images import Pixels

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
    cross: FloatArray = points.astype(np.float32)
    return cross


def _crescent() -> FloatArray:
    # The outer unit circle less a circle of radius 0.82 whose centre lies 0.5 to the right.
    radius, offset = 0.82, 0.5
    x = (1 - radius**2 + offset**2) / (2 * offset)
    y = np.sqrt(1 - x * x)
    outer = np.linspace(np.arctan2(y, x), 2 * np.pi - np.arctan2(y, x), 60)
    inner_end = np.arctan2(y, x - offset)
    inner = np.linspace(2 * np.pi - inner_end, inner_end, 60)[1:-1]
    points: FloatArray = np.concatenate(
        [
            np.stack([np.cos(outer), np.sin(outer)], axis=1),
            np.stack([offset + radius * np.cos(inner), radius * np.sin(inner)], axis=1),
        ]
    ).astype(np.float32)
    return points + np.array([0.15, 0], dtype=np.float32)


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
    return [(points @ turn + place).astype(np.float32) for points in OUTLINES[figure.kind]]


# --------------------------------------------------------------------------------- the drawing


def _fixed(points: FloatArray, scale: float) -> NDArray[np.int32]:
    # Units to cv2's fixed point, whose integer coordinates are pixel centres.
    fixed: NDArray[np.int32] = np.rint((points * scale - 0.5) * _FIXED).astype(np.int32)
    return fixed


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
