"""A drawing as SVG 1.1: words stay words, the colour bar is a gradient, pictures are PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from engine.escaping import plain
from engine.figures.drawing import (
    POINTS_TO_THE_MM,
    Bar,
    Drawing,
    Frame,
    Ink,
    Line,
    Part,
    Picture,
    Words,
)
from engine.figures.lettering import Lettering
from engine.records.images import Pixels

# Whatever sans serif there is: the widths of the words are given, so that the layout holds.
_FONTS = "Aileron, Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_LONGEST = 1000

# A stop of a gradient for every so many colours; between them it is linear.
_EVERY = 3


def written(drawing: Drawing) -> bytes:
    """The drawing as a file in UTF-8."""
    return "\n".join(_lines(drawing)).encode("utf-8")


def _lines(drawing: Drawing) -> Iterator[str]:
    lettering = Lettering(part.text for part in drawing.parts if isinstance(part, Words))
    width, height = _number(drawing.width), _number(drawing.height)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'version="1.1" width="{_number(drawing.width / POINTS_TO_THE_MM)}mm" '
        f'height="{_number(drawing.height / POINTS_TO_THE_MM)}mm" '
        f'viewBox="0 0 {width} {height}">'
    )
    if drawing.title:
        yield f"<title>{escape(plain(drawing.title, _LONGEST))}</title>"
    if drawing.paper is not None:
        yield f'<rect width="{width}" height="{height}" fill="{_color(drawing.paper)}"/>'
    yield f"<g font-family={quoteattr(_FONTS)}>"
    for number, part in enumerate(drawing.parts):
        yield from _part(part, f"scale{number}", lettering)
    yield "</g>"
    yield "</svg>\n"


def _part(part: Part, name: str, lettering: Lettering) -> Iterator[str]:
    match part:
        case Picture():
            data = base64.b64encode(_png(part.pixels)).decode("ascii")
            yield (
                f'<image {_box(part)} preserveAspectRatio="none" '
                f'xlink:href="data:image/png;base64,{data}"/>'
            )
        case Bar():
            yield from _gradient(part.colors, name)
            yield f'<rect {_box(part)} fill="url(#{name})"/>'
        case Words():
            if part.text:
                yield _words(part, lettering)
        case Line():
            ends = zip(("x1", "y1", "x2", "y2"), (part.x1, part.y1, part.x2, part.y2), strict=True)
            places = " ".join(f'{name}="{_number(value)}"' for name, value in ends)
            yield f"<line {places} {_stroke(part)}/>"
        case Frame():
            yield f'<rect {_box(part)} fill="none" {_stroke(part)}/>'


def _words(part: Words, lettering: Lettering) -> str:
    width = lettering.width(part.text, part.size)
    return (
        f'<text x="{_number(part.x)}" y="{_number(part.base)}" '
        f'font-size="{_number(part.size)}" fill="{_color(part.ink)}" '
        f'text-anchor="{part.anchor}" textLength="{_number(width)}">'
        f"{escape(plain(part.text, _LONGEST))}</text>"
    )


def _gradient(colors: Pixels, name: str) -> Iterator[str]:
    yield f'<defs><linearGradient id="{name}" x1="0" y1="0" x2="1" y2="0">'
    last = len(colors) - 1
    for place in (*range(0, last, _EVERY), last):
        red, green, blue = (int(value) for value in colors[place])
        stop = _number(place / last if last else 0.0)
        yield f'<stop offset="{stop}" stop-color="{_color((red, green, blue))}"/>'
    yield "</linearGradient></defs>"


def _png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="PNG", compress_level=4)
    return file.getvalue()


def _box(part: Picture | Bar | Frame) -> str:
    sides = zip(
        ("x", "y", "width", "height"),
        (part.left, part.top, part.width, part.height),
        strict=True,
    )
    return " ".join(f'{name}="{_number(value)}"' for name, value in sides)


def _stroke(part: Line | Frame) -> str:
    return f'stroke="{_color(part.ink)}" stroke-width="{_number(part.thickness)}"'


def _color(ink: Ink) -> str:
    return "#{:02x}{:02x}{:02x}".format(*ink)


def _number(value: float) -> str:
    """A plain decimal: an exponent is not understood everywhere."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
