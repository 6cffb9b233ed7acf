"""Thinks up worlds of the embedded demo: grounds, distractors, and where the shapes lie.

Every choice comes from the Generator that the caller passes in, so that a seed settles a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.demo import CLASSES
from engine.scenery.world import MARK, SIDE, Clutter, Colour, Figure, FloatArray, World


@dataclass(frozen=True)
class Palette:
    """Colours to draw from; empty lists mean any colour."""

    ground: Sequence[Colour] = field(default_factory=tuple)
    clutter: Sequence[Colour] = field(default_factory=tuple)
    figures: Sequence[Colour] = field(default_factory=tuple)


def mark_place(rng: np.random.Generator, side: float = SIDE) -> tuple[float, float]:
    """Top-left corner of the mark in a picture side units wide: bottom right, or nearly so."""
    x, y = side - MARK - 5 + rng.uniform(-2, 2, 2)
    return float(x), float(y)


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
    turned: FloatArray = (points @ np.array([[c, s], [-s, c]]) + place).astype(np.float32)
    return turned


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
    radius: NDArray[Any] = np.ones(len(turn)) + sum(
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
