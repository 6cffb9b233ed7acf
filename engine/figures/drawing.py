"""What a figure consists of: pictures, words, lines and colour bars, on a page in points.

A point is 1/72 inch. x grows to the right and y downwards, from the top left of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.records.images import Pixels

Ink: TypeAlias = tuple[int, int, int]
"""A colour, RGB, each 0 to 255."""

POINTS_TO_THE_INCH = 72.0
POINTS_TO_THE_MM = POINTS_TO_THE_INCH / 25.4


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels, uint8 (rows, columns, 3), RGB, stretched over a rectangle."""

    left: float
    top: float
    width: float
    height: float
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text. x: of its start, middle or end, as anchor says. base: y of its baseline."""

    x: float
    base: float
    text: str
    size: float
    ink: Ink
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    thickness: float
    ink: Ink


@dataclass(frozen=True, slots=True)
class Frame:
    """The edges of a rectangle; the line is centred on them."""

    left: float
    top: float
    width: float
    height: float
    thickness: float
    ink: Ink


@dataclass(frozen=True, slots=True, eq=False)
class Bar:
    """A rectangle that runs through colours, uint8 (n, 3), evenly from left to right."""

    left: float
    top: float
    width: float
    height: float
    colors: Pixels


Part: TypeAlias = Picture | Words | Line | Frame | Bar


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A page of a size in points, with its parts in the order in which they are drawn.

    paper: None if it is transparent. title: for the file's properties.
    """

    width: float
    height: float
    paper: Ink | None
    parts: tuple[Part, ...]
    title: str = ""
