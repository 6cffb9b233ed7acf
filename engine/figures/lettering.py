"""How wide words are, how they are folded and shortened, and which font writes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from PIL import ImageFont

from engine.render.fonts import as_written, font_for, lacking, writes

_MEASURED = 64
"""Pixels at which words are measured: large enough that rounding to whole pixels is small."""

_ELLIPSIS = "…"


class Lettering:
    """The font of a figure: the one that writes most of its words, and another one only for a line
    of which that writes more."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._common = font_for("".join(sorted(set("".join(texts)))), _MEASURED)

    def font(self, text: str) -> ImageFont.FreeTypeFont:
        """The font for one of the texts, at an arbitrary size."""
        if writes(self._common, text):
            return self._common
        other = font_for(text, _MEASURED)
        return other if lacking(other, text) < lacking(self._common, text) else self._common

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
        """The text in lines of at most this width; the last of the most lines is shortened.

        Broken at spaces, and within words that are wider than a line, such as the names of layers,
        after a dot or the like.
        """
        lines: list[str] = []
        rest = text
        while rest and len(lines) < most - 1 and self.width(rest, size) > room:
            count = self._fitting(rest, size, room)
            space = rest.rfind(" ", 0, count + 1)
            cut = space if space > 0 else _break_before(rest, count)
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        return (*lines, self.shortened(rest, size, room)) if rest else tuple(lines)

    def _fitting(self, text: str, size: float, room: float) -> int:
        """How many characters fit; at least one, so that folding ends."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle], size) <= room:
                low = middle
            else:
                high = middle - 1
        return low


def _break_before(text: str, count: int) -> int:
    """Where to break one word of which so many characters fit."""
    ends = [text.rfind(mark, 0, count) + 1 for mark in "./\\_-"]
    return max(ends) if max(ends) > count // 3 else count


def _without_middle(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return text[:head].rstrip() + _ELLIPSIS + text[len(text) - (keep - head) :].lstrip()


@lru_cache(maxsize=32)
def sized(font: ImageFont.FreeTypeFont, size: float) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return font.font_variant(size=size)
