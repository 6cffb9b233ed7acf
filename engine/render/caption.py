"""Draws the band below an exported image: a colour bar with numbers, and a text caption.

Sizes scale with the image: the text height is about a fiftieth of the mean side, but never too
small to read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.escaping import plain
from engine.methods.modifiers import place_words, value_title
from engine.methods.registry import described, find
from engine.records import level_words
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Pixels
from engine.render import overlay
from engine.render.fonts import as_written, font_for

NARROWEST = 240
"""An image narrower than this many pixels gets a wider band, so that the text fits."""

PAPER = (24, 24, 24)
_INK = (240, 240, 240)
_FAINT = (178, 178, 178)

_SMALLEST_TEXT = 11
_MOST_LINES = 3
_NAME = 200
"""Longest name that is written, in characters."""

_SIGNS = {
    "positive": "positive part: evidence for the class",
    "negative": "negative part: evidence against the class",
    "signed": "both signs: against (blue), for (orange)",
}

_VALUE_SIGNS = {
    "positive": "positive part: raises the value",
    "negative": "negative part: lowers the value",
    "signed": "both signs: lowers the value (blue), raises it (orange)",
}

_BLIND_SIGNS = {
    "positive": "positive part, independent of the class",
    "negative": "negative part, independent of the class",
    "signed": "both signs, independent of the class: negative (blue), positive (orange)",
}

_Font = ImageFont.FreeTypeFont


def caption(
    image: LoadedImage,
    explanation: Explanation,
    settings: DisplaySettings,
    *,
    subject: bool = False,
) -> tuple[str, ...]:
    """The lines of the caption, the most important first.

    subject: with the patient's name and the date of a DICOM file, which are left out otherwise.
    """
    rows, columns = explanation.map.shape
    method = described(explanation.method, explanation.options)
    signs = _signs(explanation)
    row = find(explanation.method)
    if not row.class_dependent:
        signs = _BLIND_SIGNS
    if row.caution:
        signs = {sign: f"{words.partition(':')[0]}: {row.caution}" for sign, words in signs.items()}
    table = "" if settings.sign == "signed" else f"{settings.colormap}, "
    scale = f"{signs[settings.sign]}; {table}{_drawn(settings)}"
    if overlay.is_blank(explanation.map, settings):
        scale = f"no values of this sign in the map ({signs[settings.sign]})"
    elif overlay.is_weak(explanation.map, settings):
        part = overlay.shown_part(explanation.map, settings)
        scale += f", weak: at most {max(part, 0.001):.1%} of the other sign"
    if settings.gamma != 1.0:
        scale += f", gamma {settings.gamma:g}"
    if explanation.arithmetic:
        scale += f"; {explanation.arithmetic}"
    return (
        _subject(explanation),
        f"{method}{',' if explanation.fused else ' of'} {plain(place_words(explanation), _NAME)} "
        f"({rows} x {columns}, "
        f"{settings.interpolation}) in {plain(explanation.model, _NAME)}",
        f"{_image_words(image, subject)}; {scale}",
    )


def _drawn(settings: DisplaySettings) -> str:
    """How the map lies over the image: opacity, backdrop, contours."""
    words = f"opacity {settings.opacity:.0%}"
    words += ", fading out towards zero" if settings.fade else " everywhere"
    if settings.backdrop != "colour":
        words += ", grey image" if settings.backdrop == "grey" else ", edges of the image"
    if settings.contours:
        levels = " ".join(f"{level * 100:g}" for level in sorted(settings.contours))
        words += f", contours at {levels} % of the scale"
    return words


def _subject(explanation: Explanation) -> str:
    """What the map is of, and the number that was explained: 'star  97.1 %, logit 8.31'."""
    target, number = explanation.target, explanation.number
    if explanation.asked.question != "class":
        return f"{plain(explanation.subject, 3 * _NAME)}, {number}"
    line = f"{plain(target.label, _NAME)}  {target.said}"
    # A value is the number itself.
    return line if target.probability is None or not number else f"{line}, {number}"


def _signs(explanation: Explanation) -> dict[str, str]:
    """What the values of each sign are, by the setting that shows them."""
    if explanation.asked.question == "class":
        return _SIGNS if explanation.target.probability is not None else _VALUE_SIGNS
    rises, falls = (plain(words, 3 * _NAME) for words in explanation.signs)
    return {
        "positive": f"positive part: {rises}",
        "negative": f"negative part: {falls}",
        "signed": f"both signs: {falls} (blue), {rises} (orange)",
    }


def _image_words(image: LoadedImage, subject: bool) -> str:
    """The image, its page, and the values shown as black and white if it has more than 8 bits."""
    words = plain(image.named(image.name, subject), _NAME)
    if image.pages > 1:
        words += f", page {image.page:,} of {image.pages:,}"
    if image.shown is not None:
        words += f", {level_words.described(image.shown, image.depth)}"
    if subject and image.subject is not None:
        said = (image.subject.name, image.subject.date)
        words += "".join(f", {plain(text, _NAME)}" for text in said if text)
    return words


def band(
    size: tuple[int, int],
    lines: Sequence[str],
    bar: tuple[Explanation, DisplaySettings] | None,
) -> Pixels:
    """The band for an image of size (width, height): uint8 (h, max(width, NARROWEST), 3), RGB."""
    width = max(size[0], NARROWEST)
    text = max(_SMALLEST_TEXT, round(math.sqrt(size[0] * size[1]) / 50))
    # A very wide, low image would otherwise get text that is too tall.
    text = min(text, max(_SMALLEST_TEXT, round(size[1] / 8)), width // 20)
    font = font_for("".join(lines), text)
    pad = round(text * 0.9)
    leading = round(text * 1.45)
    room = width - 2 * pad
    folded = [
        (part, _FAINT if index else _INK)
        for index, line in enumerate(lines)
        for part in _fold(as_written(line, font), font, room)
    ]
    bar_height = round(text * 0.9) + leading if bar is not None else 0
    gap = round(text * 0.6) if bar is not None and folded else 0
    height = 2 * pad + bar_height + gap + leading * len(folded)
    paper = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(paper)
    top = pad
    if bar is not None:
        _draw_bar(paper, draw, font, (pad, top, room, round(text * 0.9)), *bar)
        top += bar_height + gap
    for part, ink in folded:
        draw.text((pad, top + leading / 2), part, fill=ink, font=font, anchor="lm")
        top += leading
    return np.asarray(paper)


def _draw_bar(
    paper: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: _Font,
    place: tuple[int, int, int, int],
    explanation: Explanation,
    settings: DisplaySettings,
) -> None:
    """Draw the colours from left to right, with the method's name before and numbers below."""
    left, top, room, height = place
    title = value_title(explanation)
    start = left + math.ceil(draw.textlength(title, font=font) + height)
    draw.text((left, top + height / 2), title, fill=_INK, font=font, anchor="lm")
    # Half a number sticks out on either side of the bar's ends.
    ends = [
        font.getlength(as_written(n, font))
        for _, n in overlay.bar_marks(explanation, settings, 1.0)
    ]
    start += math.ceil(ends[0] / 2)
    length = max(16, min(left + room - math.ceil(ends[-1] / 2) - start, 24 * height))
    colors = overlay.bar_picture(settings, length, height, max(2, height // 3))
    paper.paste(Image.fromarray(colors), (start, top))
    for at in overlay.contour_places(settings):
        line = start + round(at * (length - 1))
        draw.line((line, top, line, top + height - 1), fill=(0, 0, 0), width=3)
        draw.line((line, top, line, top + height - 1), fill=(255, 255, 255), width=1)
    tick = max(2, height // 4)
    spacing = 1.6 * max(ends) / length
    for fraction, number in overlay.bar_marks(explanation, settings, spacing):
        text = as_written(number, font)
        x = start + fraction * (length - 1)
        draw.line((x, top + height, x, top + height + tick), fill=_FAINT, width=max(1, tick // 4))
        draw.text((x, top + height + tick * 1.5), text, fill=_FAINT, font=font, anchor="mt")


def _fold(line: str, font: _Font, room: float) -> list[str]:
    """The line wrapped at spaces to the given width; the last part is elided."""
    parts: list[str] = []
    rest = line
    while rest and len(parts) < _MOST_LINES:
        if font.getlength(rest) <= room:
            return [*parts, rest]
        if len(parts) == _MOST_LINES - 1:
            return [*parts, _shorten(rest, font, room)]
        count = _fitting(rest, font, room)
        space = rest.rfind(" ", 0, count + 1)
        # A single long word, such as a layer name, is broken anywhere.
        cut = space if space > count // 3 else count
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return parts


def _fitting(text: str, font: _Font, room: float) -> int:
    """The number of characters that fit; at least one, so that wrapping terminates."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _shorten(text: str, font: _Font, room: float) -> str:
    """The text with its middle elided."""
    low, high = min(2, len(text)), len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(_without_middle(text, middle)) <= room:
            low = middle
        else:
            high = middle - 1
    return _without_middle(text, low)


def _without_middle(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return text[:head].rstrip() + "..." + text[len(text) - (keep - head) :].lstrip()
