"""A drawing as pixels: for a PNG, and for what a window shows before it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from engine.figures.drawing import (
    POINTS_TO_THE_INCH,
    Bar,
    Drawing,
    Frame,
    Line,
    Part,
    Picture,
    Words,
)
from engine.figures.lettering import Lettering, sized

_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def drawn(drawing: Drawing, dpi: float) -> Image.Image:
    """The drawing at so many pixels to the inch: RGB, or RGBA if the paper is transparent."""
    density = dpi / POINTS_TO_THE_INCH
    size = max(1, round(drawing.width * density)), max(1, round(drawing.height * density))
    if drawing.paper is None:
        page = Image.new("RGBA", size, (255, 255, 255, 0))
    else:
        page = Image.new("RGB", size, drawing.paper)
    draw = ImageDraw.Draw(page)
    lettering = Lettering(part.text for part in drawing.parts if isinstance(part, Words))
    for part in drawing.parts:
        _draw(page, draw, lettering, part, density)
    return page


def _draw(
    page: Image.Image, draw: ImageDraw.ImageDraw, lettering: Lettering, part: Part, density: float
) -> None:
    match part:
        case Picture():
            _paste(page, Image.fromarray(np.ascontiguousarray(part.pixels)), part, density)
        case Bar():
            strip = Image.fromarray(np.ascontiguousarray(part.colors[None]))
            _paste(page, strip, part, density)
        case Words():
            text = lettering.written(part.text)
            font: Any = sized(lettering.font(part.text), part.size * density)
            place = part.x * density, part.base * density
            draw.text(place, text, fill=part.ink, font=font, anchor=_ANCHORS[part.anchor])
        case Line():
            ends = [part.x1 * density, part.y1 * density, part.x2 * density, part.y2 * density]
            draw.line(ends, fill=part.ink, width=max(1, round(part.thickness * density)))
        case Frame():
            _frame(draw, part, density)


def _paste(page: Image.Image, picture: Image.Image, part: Picture | Bar, density: float) -> None:
    left, top = round(part.left * density), round(part.top * density)
    right = max(left + 1, round((part.left + part.width) * density))
    bottom = max(top + 1, round((part.top + part.height) * density))
    if isinstance(part, Picture):
        # A picture has the pixels that it is shown with, whatever the rounding of its place.
        near = abs(picture.width - (right - left)) <= 1 and abs(picture.height - bottom + top) <= 1
        right, bottom = (left + picture.width, top + picture.height) if near else (right, bottom)
    if picture.size != (right - left, bottom - top):
        picture = picture.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    page.paste(picture, (left, top))


def _frame(draw: ImageDraw.ImageDraw, part: Frame, density: float) -> None:
    thick = max(1, round(part.thickness * density))
    out = part.thickness / 2
    box = (
        round((part.left - out) * density),
        round((part.top - out) * density),
        round((part.left + part.width + out) * density) - 1,
        round((part.top + part.height + out) * density) - 1,
    )
    if box[2] > box[0] and box[3] > box[1]:
        draw.rectangle(box, outline=part.ink, width=thick)
