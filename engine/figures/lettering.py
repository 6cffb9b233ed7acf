"""How wide words are, how they are folded and shortened, and which font writes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from PIL import ImageFont

from engine.render.fonts import as_written, font_for, fonts, writes

_MEASURED = 64
"""Pixels at which words are measured: large enough that rounding to whole pixels is small."""

_ELLIPSIS = "…"


class Lettering:
    """The font of a figure: one that writes all of its words, or where none does, one for each."""

    def __init__(self, texts: Iterable[str]) -> None:
        whole = "".join(sorted(set("".join(texts))))
        self._common = next((font for font in fonts(_MEASURED) if writes(font, whole)), None)

    def font(self, text: str) -> ImageFont.FreeTypeFont:
        """The font for one of the texts, at an arbitrary size."""
        return self._common or font_for(text, _MEASURED)

    def written(self, text: str) -> str:
        """The text, with characters that no font has replaced."""
        return as_written(text, self.font(text))

    def width(self, text: str, size: float) -> float:
        """How wide the text is, in the units of size."""
        return self.font(text).getlength(self.written(text)) / _MEASURED * size

    def shortened(self, text: str, size: float, room: float) -> str:
        """The text, its middle left out where it is wider than the room."""
        if self.width(text, size) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(_without_middle(text, middle), size) <= room:
                low = middle
            else:
                high = middle - 1
        return _without_middle(text, low)

    def folded(self, text: str, size: float, room: float, most: int) -> tuple[str, ...]:
        """The text in lines of at most this width, broken at spaces; the last is shortened."""
        lines: list[str] = []
        rest = text.split(" ")
        while rest:
            if len(lines) == most - 1:
                return (*lines, self.shortened(" ".join(rest), size, room))
            count = 1
            while count < len(rest) and self.width(" ".join(rest[: count + 1]), size) <= room:
                count += 1
            lines.append(self.shortened(" ".join(rest[:count]), size, room))
            rest = rest[count:]
        return tuple(lines)


def _without_middle(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return text[:head].rstrip() + _ELLIPSIS + text[len(text) - (keep - head) :].lstrip()


@lru_cache(maxsize=32)
def sized(font: ImageFont.FreeTypeFont, size: float) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return font.font_variant(size=size)
