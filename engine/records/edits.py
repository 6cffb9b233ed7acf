"""Edits of an image, for 'what if': plain values that say what is done, never any pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from engine.records.asked import CLASS, Question, typed
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
    """Of a normal distribution with the mean and the standard deviation of the image."""


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


RANGES: dict[Changing, tuple[float, float]] = {
    Changing.SHIFT_X: (-50, 50),
    Changing.SHIFT_Y: (-50, 50),
    Changing.FLIP_X: (0, 1),
    Changing.FLIP_Y: (0, 1),
    Changing.ROTATE: (-180, 180),
    Changing.SCALE: (-80, 200),
    Changing.BRIGHTNESS: (-100, 100),
    Changing.CONTRAST: (-100, 100),
    Changing.GAMMA: (-3, 3),
    Changing.HUE: (-180, 180),
    Changing.BLUR: (0, 10),
    Changing.NOISE: (0, 100),
    Changing.JPEG: (1, 100),
    Changing.GREY: (0, 100),
}
"""The lowest and the highest amount of each, in the units of engine/edits/changes.py."""


@dataclass(frozen=True, slots=True)
class Change:
    """The whole image changed by an amount; engine/edits/changes.py has the units."""

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

MOST_EDITS = 1_000
"""Of one image; more cannot be done in a while. The limit wherever edits are read or made."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What is done to an image, in this order. Equal ones give equal images.

    docs/what-if.md has their form in JSON.
    """

    steps: tuple[Edit, ...] = ()

    @property
    def active(self) -> tuple[Edit, ...]:
        """The steps that are switched on."""
        return tuple(step for step in self.steps if step.on)

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The steps for JSON, from which from_facts makes them again."""
        return [_facts(step) for step in self.steps]

    @classmethod
    def from_facts(cls, facts: Iterable[Mapping[str, Any]]) -> Edits:
        """The edits of these facts; what is missing of a step has its usual value.

        Raises ValueError for facts that are of no edits; it says which step, and why. Likewise for
        amounts out of range, and for more than MOST_EDITS steps.
        """
        listed, steps = list(facts), []
        if len(listed) > MOST_EDITS:
            raise ValueError(f"{len(listed):,} edits are too many; at most {MOST_EDITS:,}")
        for number, each in enumerate(listed, 1):
            try:
                steps.append(_edit(each))
            except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
                missing = isinstance(error, KeyError)
                why = f"{error.args[0]!r} is missing" if missing else str(error)
                raise ValueError(f"edit {number}: {why}") from error
        return cls(tuple(steps))


NO_EDITS = Edits()


def _facts(step: Edit) -> dict[str, Any]:
    if isinstance(step, Crop):
        own: dict[str, Any] = {"edit": "crop", "part": _box_facts(step.part)}
    elif isinstance(step, Hide):
        filling = step.filling
        own = {
            "edit": "keep" if step.keep else "hide",
            **_shape_facts(step.shape),
            "fill": filling.fill.value,
            "colour": list(filling.colour),
            "seed": filling.seed,
        }
    elif isinstance(step, Change):
        own = {"edit": "change", "what": step.what.value, "amount": step.amount, "seed": step.seed}
    else:
        own = {
            "edit": "paste",
            "source": step.source,
            "page": step.page,
            "part": _box_facts(step.part),
            "at": list(step.at),
            "scale": step.scale,
        }
    return {**own, "on": step.on}


def _shape_facts(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Rectangle | Ellipse):
        return {type(shape).__name__.lower(): _box_facts(shape)}
    if isinstance(shape, Lasso):
        return {"lasso": [list(point) for point in shape.points]}
    if isinstance(shape, Brush):
        return {"brush": [list(point) for point in shape.points], "radius": shape.radius}
    return {
        "hottest": shape.percent,
        "layer": shape.layer,
        "class": shape.target,
        **shape.question.facts,
        "method": shape.method,
        "options": dict(shape.options),
    }


def _box_facts(box: Rectangle | Ellipse) -> list[float]:
    return [box.x, box.y, box.width, box.height]


def _edit(facts: Mapping[str, Any]) -> Edit:
    kind = typed(facts, dict)["edit"]
    on = typed(facts.get("on", True), bool)
    if kind == "crop":
        return Crop(Rectangle(*_box(facts["part"])), on)
    if kind in ("hide", "keep"):
        colour = _several(facts.get("colour", (128, 128, 128)), 3, "red, green and blue")
        red, green, blue = (_byte(value) for value in colour)
        filling = Filling(
            Fill(facts.get("fill", Fill.INPAINT)), (red, green, blue), _seed(facts.get("seed", 0))
        )
        return Hide(_shape(facts), filling, kind == "keep", on)
    if kind == "change":
        what, amount = Changing(facts["what"]), _number(facts["amount"])
        low, high = RANGES[what]
        if not low <= amount <= high:
            raise ValueError(f"{what} is from {low:g} to {high:g}, not {amount:g}")
        return Change(what, amount, _seed(facts.get("seed", 0)), on)
    if kind == "paste":
        page = typed(facts.get("page", 1), int)
        if page < 1:
            raise ValueError(f"{page} is no page; the first is 1")
        return Paste(
            typed(facts["source"], str),
            Rectangle(*_box(facts["part"])),
            _point(facts["at"]),
            _size(facts.get("scale", 1.0)),
            page,
            on,
        )
    raise ValueError(f"{kind!r} is none of crop, hide, keep, change and paste")


def _shape(facts: Mapping[str, Any]) -> Shape:
    if "rectangle" in facts:
        return Rectangle(*_box(facts["rectangle"]))
    if "ellipse" in facts:
        return Ellipse(*_box(facts["ellipse"]))
    if "lasso" in facts:
        return Lasso(_points(facts["lasso"], 3))
    if "brush" in facts:
        return Brush(_points(facts["brush"], 1), _size(facts["radius"]))
    if "hottest" not in facts:
        raise ValueError("it names no shape: rectangle, ellipse, lasso, brush or hottest")
    percent = _size(facts["hottest"])
    if percent > 100:
        raise ValueError(f"{percent:g} % is more than all")
    options = typed(facts.get("options") or {}, dict)
    return Hottest(
        percent,
        typed(facts.get("layer"), str, None),
        typed(facts.get("class"), int, str, None),
        Question.from_facts(facts),
        typed(facts.get("method", ""), str),
        tuple((typed(name, str), typed(to, str, int, float, bool)) for name, to in options.items()),
    )


_FARTHEST = 1e9
"""Pixels from the corner of an image; ten times as many as the longest side that can be opened."""


def _number(value: Any) -> float:
    number = float(typed(value, int, float))
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number


def _place(value: Any) -> float:
    number = _number(value)
    if abs(number) > _FARTHEST:
        raise ValueError(f"{number:g} is further than any pixel; at most {_FARTHEST:g}")
    return number


def _several(facts: Any, count: int, what: str) -> list[Any]:
    if not isinstance(facts, list | tuple) or len(facts) != count:
        raise ValueError(f"a list of {count} numbers is wanted for {what}")
    return list(facts)


def _size(value: Any) -> float:
    number = _place(value)
    if number <= 0:
        raise ValueError(f"{value!r} is not above 0")
    return number


def _box(facts: Any) -> tuple[float, float, float, float]:
    x, y, width, height = _several(facts, 4, "x, y, width and height")
    return _place(x), _place(y), _size(width), _size(height)


def _point(facts: Any) -> Point:
    x, y = _several(facts, 2, "x and y")
    return _place(x), _place(y)


def _points(facts: Any, least: int) -> tuple[Point, ...]:
    points = tuple(_point(each) for each in facts)
    if len(points) < least:
        raise ValueError(f"{len(points)} points are too few; {least} or more make the shape")
    return points


def _byte(value: Any) -> int:
    number: int = typed(value, int)
    if not 0 <= number <= 255:
        raise ValueError(f"{value!r} is no part of a colour; each is from 0 to 255")
    return number


def _seed(value: Any) -> int:
    seed: int = typed(value, int)
    if seed < 0:
        raise ValueError(f"{value!r} is no seed; it is 0 or more")
    return seed
