"""Edits of an image, for 'what if': plain values that say what is done, never any pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from engine.records.asked import CLASS, Question
from engine.records.options import Value

Point: TypeAlias = tuple[float, float]
"""(x, y) in pixels of the image as its file has it, whatever is cropped from it; the centre of the
top-left pixel is (0.5, 0.5)."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """x, y: of the top-left corner, in pixels; every size is above 0."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The ellipse that fills this rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Lasso:
    """What lies within a closed line. points: at least three; by the even-odd rule."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Brush:
    """What a round brush has gone over. points: at least one; radius: in pixels."""

    points: tuple[Point, ...]
    radius: float


@dataclass(frozen=True, slots=True)
class Hottest:
    """The pixels with the highest values of a map of the image, as the edits before it leave it.

    percent: of the pixels of the region that the network saw, by the map upsampled bilinearly;
    above 0, at most 100. layer, target, question, method, options: of the map, as in View; None
    and '' for the model's own, and the predicted class.
    """

    percent: float
    layer: str | None = None
    target: int | str | None = None
    question: Question = CLASS
    method: str = ""
    options: tuple[tuple[str, Value], ...] = ()


Shape: TypeAlias = Rectangle | Ellipse | Lasso | Brush | Hottest


class Fill(StrEnum):
    """What takes the place of hidden pixels."""

    INPAINT = "inpaint"
    """OpenCV's inpainting, from what surrounds them."""
    BLUR = "blur"
    MEAN = "mean"
    """The mean colour of the image."""
    GREY = "grey"
    COLOUR = "colour"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Filling:
    """A fill with what it needs. colour: RGB, each 0 to 255, for COLOUR; seed: for NOISE."""

    fill: Fill = Fill.INPAINT
    colour: tuple[int, int, int] = (128, 128, 128)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Crop:
    """Only this part of the image is left. on, here and below: whether the edit is done."""

    part: Rectangle
    on: bool = True


@dataclass(frozen=True, slots=True)
class Hide:
    """A shape is filled; with keep, all but the shape."""

    shape: Shape
    filling: Filling = field(default_factory=Filling)
    keep: bool = False
    on: bool = True


class Changing(StrEnum):
    """What a slider changes. The value that changes nothing is 0, but for JPEG, where it is 100."""

    SHIFT_X = "shift-x"
    SHIFT_Y = "shift-y"
    FLIP_X = "flip-x"
    FLIP_Y = "flip-y"
    ROTATE = "rotate"
    SCALE = "scale"
    BRIGHTNESS = "brightness"
    CONTRAST = "contrast"
    GAMMA = "gamma"
    HUE = "hue"
    BLUR = "blur"
    NOISE = "noise"
    JPEG = "jpeg"
    GREY = "grey"


@dataclass(frozen=True, slots=True)
class Change:
    """The whole image changed by an amount; engine/edits/changes.py has the ranges and units."""

    what: Changing
    amount: float
    seed: int = 0
    on: bool = True


@dataclass(frozen=True, slots=True)
class Paste:
    """A part of another image laid over this one.

    source: path or name of the image that it is from, page: of that file, from 1. part: of that
    image, in its pixels. at: where its top-left corner comes to lie on this image. scale: its size
    there, relative to its own.
    """

    source: str
    part: Rectangle
    at: Point
    scale: float = 1.0
    page: int = 1
    on: bool = True


Edit: TypeAlias = Crop | Hide | Change | Paste


@dataclass(frozen=True, slots=True)
class Edits:
    """What is done to an image, in this order. Equal ones give equal images."""

    steps: tuple[Edit, ...] = ()

    @property
    def active(self) -> tuple[Edit, ...]:
        """The steps that are switched on."""
        return tuple(step for step in self.steps if step.on)


NO_EDITS = Edits()
