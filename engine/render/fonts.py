"""Finds a font that can write a given text, for exported images.

Pillow's own font looks the same everywhere but covers little more than ASCII. Class and file names
may contain anything: for those a system font is searched, and characters that no font has become a
plain letter or '?'.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from PIL import ImageFont

_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "Helvetica.ttc",
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
    "PingFang.ttc",
)

_PLAIN = str.maketrans({"×": "x", "−": "-", "–": "-", "—": "-", "ß": "ss", "œ": "oe", "æ": "ae"})

_NOTHING = "\uffff"
"""A noncharacter: a font draws it as its glyph for missing characters."""


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of size pixels that can write the text; Pillow's own if it can. Where none can, the
    one that writes most of its characters."""
    # The first of equals.
    return max(fonts(size), key=lambda font: -lacking(font, text))


def fonts(size: int) -> Iterator[ImageFont.FreeTypeFont]:
    """The fonts of size pixels that there are: Pillow's own, then those of the system."""
    yield _own(size)
    for name in _SYSTEM_FONTS:
        font = _system_font(name, size)
        if font is not None:
            yield font


@lru_cache(maxsize=32)
def _own(size: int) -> ImageFont.FreeTypeFont:
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise RuntimeError("this build of Pillow lacks FreeType, which is required to draw text")
    return own


def as_written(text: str, font: ImageFont.FreeTypeFont) -> str:
    """The text with missing characters replaced by a plain letter or '?'."""
    return text if writes(font, text) else "".join(_plain(character, font) for character in text)


def writes(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Whether the font has a glyph for every character."""
    return all(_has(font, character) for character in set(text))


def lacking(font: ImageFont.FreeTypeFont, text: str) -> int:
    """How many different characters of the text the font has no glyph for."""
    return sum(not _has(font, character) for character in set(text))


@lru_cache(maxsize=8192)
def _has(font: ImageFont.FreeTypeFont, character: str) -> bool:
    return character.isspace() or _drawing(font, character) != _drawing(font, _NOTHING)


def _drawing(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def _plain(character: str, font: ImageFont.FreeTypeFont) -> str:
    for candidate in (
        character,
        character.translate(_PLAIN),
        unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode(),
    ):
        if candidate and writes(font, candidate):
            return candidate
    return "?"


@lru_cache(maxsize=32)
def _system_font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
