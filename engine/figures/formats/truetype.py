"""TrueType fonts, as far as it takes to put the glyphs of a few words into a PDF.

Only fonts with outlines in a 'glyf' table are read; those of PostScript outlines, and those that
their makers do not let be embedded, are not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

# What a reader needs of an embedded font whose glyphs are addressed by number.
_KEPT = ("cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep")
_COMPOSITE_MORE, _COMPOSITE_WORDS = 0x20, 0x01
_SCALES = ((0x08, 2), (0x40, 4), (0x80, 8))
_NOT_EMBEDDED = 0x0002


class FontFileError(ValueError):
    """The file is no font that can be embedded."""


class TrueType:
    """One font. Raises FontFileError for bytes that are no TrueType font.

    units: to the em. box: (left, bottom, right, top) of all glyphs, ascent and descent, in units.
    """

    def __init__(self, data: bytes, index: int = 0) -> None:
        try:
            self._read(data, index)
        except (struct.error, IndexError, KeyError) as error:
            raise FontFileError(f"no TrueType font: {error}") from error

    def _read(self, data: bytes, index: int) -> None:
        start = struct.unpack_from(">I", data, 12 + 4 * index)[0] if data[:4] == b"ttcf" else 0
        (count,) = struct.unpack_from(">H", data, start + 4)
        self._tables: dict[str, bytes] = {}
        self._rights = 0
        for number in range(count):
            tag, _, offset, length = struct.unpack_from(">4sIII", data, start + 12 + 16 * number)
            self._tables[tag.decode("latin-1")] = data[offset : offset + length]
        if "glyf" not in self._tables:
            raise FontFileError("the font has no TrueType outlines")
        if "OS/2" in self._tables:
            (self._rights,) = struct.unpack_from(">H", self._tables["OS/2"], 8)
        head, hhea = self._tables["head"], self._tables["hhea"]
        self.units: int = struct.unpack_from(">H", head, 18)[0]
        self.box: tuple[int, int, int, int] = struct.unpack_from(">4h", head, 36)
        self.ascent, self.descent = struct.unpack_from(">2h", hhea, 4)
        (self._metrics,) = struct.unpack_from(">H", hhea, 34)
        (self._count,) = struct.unpack_from(">H", self._tables["maxp"], 4)
        (long,) = struct.unpack_from(">h", head, 50)
        loca = self._tables["loca"]
        places = struct.unpack_from(f">{self._count + 1}{'I' if long else 'H'}", loca, 0)
        self._places = places if long else tuple(2 * place for place in places)
        self._glyphs = dict(_characters(self._tables["cmap"]))

    @property
    def embeddable(self) -> bool:
        """Whether its maker lets it be embedded."""
        return int(self._rights) & 0xF != _NOT_EMBEDDED

    def glyph(self, character: str) -> int:
        """The number of a character's glyph; 0 for one that the font lacks."""
        return self._glyphs.get(ord(character), 0)

    def advance(self, glyph: int) -> int:
        """How far the glyph moves on, in units."""
        place = min(glyph, self._metrics - 1)
        (advance,) = struct.unpack_from(">H", self._tables["hmtx"], 4 * place)
        return int(advance)

    def subset(self, glyphs: Iterable[int]) -> bytes:
        """The font with the outlines of these glyphs alone, under the numbers that they have."""
        wanted = self._with_components({0, *glyphs})
        outlines, places = bytearray(), [0]
        for glyph in range(self._count):
            if glyph in wanted:
                outlines += self._outline(glyph)
                outlines += bytes(-len(outlines) % 4)
            places.append(len(outlines))
        tables = {tag: self._tables[tag] for tag in _KEPT if tag in self._tables}
        tables["glyf"] = bytes(outlines)
        tables["loca"] = struct.pack(f">{len(places)}I", *places)
        head = bytearray(tables["head"])
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">h", head, 50, 1)
        tables["head"] = bytes(head)
        return _assembled(tables)

    def _outline(self, glyph: int) -> bytes:
        return self._tables["glyf"][self._places[glyph] : self._places[glyph + 1]]

    def _with_components(self, glyphs: set[int]) -> set[int]:
        found: set[int] = set()
        left = list(glyphs)
        while left:
            glyph = left.pop()
            if glyph not in found and glyph < self._count:
                found.add(glyph)
                left += _components(self._outline(glyph))
        return found


@lru_cache(maxsize=16)
def of_font(font: ImageFont.FreeTypeFont) -> TrueType | None:
    """The TrueType font behind one of Pillow's; None if it cannot be embedded."""
    try:
        if isinstance(font.path, str | bytes):
            path = font.path.decode() if isinstance(font.path, bytes) else font.path
            found = TrueType(Path(path).read_bytes(), font.index)
        else:
            found = TrueType(font.font_bytes)
    except (OSError, FontFileError):
        return None
    return found if found.embeddable else None


def _characters(cmap: bytes) -> Iterator[tuple[int, int]]:
    """(character, glyph) of the tables for Unicode, in the two forms that fonts have them in."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    for number in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * number)
        if platform not in (0, 3) or (platform == 3 and encoding not in (1, 10)):
            continue
        (form,) = struct.unpack_from(">H", cmap, offset)
        if form == 4:
            yield from _segments(cmap, offset)
        elif form == 12:
            (groups,) = struct.unpack_from(">I", cmap, offset + 12)
            for group in range(groups):
                first, last, glyph = struct.unpack_from(">3I", cmap, offset + 16 + 12 * group)
                yield from ((code, glyph + code - first) for code in range(first, last + 1))


def _segments(cmap: bytes, offset: int) -> Iterator[tuple[int, int]]:
    (doubled,) = struct.unpack_from(">H", cmap, offset + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", cmap, offset + 14)
    starts = struct.unpack_from(f">{count}H", cmap, offset + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", cmap, offset + 16 + 2 * doubled)
    ranges_at = offset + 16 + 3 * doubled
    ranges = struct.unpack_from(f">{count}H", cmap, ranges_at)
    for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if ranges[number]:
                place = ranges_at + 2 * number + ranges[number] + 2 * (code - first)
                (glyph,) = struct.unpack_from(">H", cmap, place)
                if glyph == 0:
                    continue
            yield code, (glyph + deltas[number]) & 0xFFFF


def _components(outline: bytes) -> Iterator[int]:
    """The glyphs that a composite one is made of."""
    if len(outline) < 10 or struct.unpack_from(">h", outline, 0)[0] >= 0:
        return
    place, more = 10, True
    while more:
        flags, glyph = struct.unpack_from(">HH", outline, place)
        yield glyph
        place += 8 if flags & _COMPOSITE_WORDS else 6
        place += next((size for flag, size in _SCALES if flags & flag), 0)
        more = bool(flags & _COMPOSITE_MORE)


def _assembled(tables: dict[str, bytes]) -> bytes:
    """A font file of these tables, with their checksums."""
    count = len(tables)
    power = count.bit_length() - 1
    header = struct.pack(
        ">IHHHH", 0x00010000, count, 16 << power, power, 16 * count - (16 << power)
    )
    directory, body = bytearray(), bytearray()
    start = len(header) + 16 * count
    for tag in sorted(tables):
        table = tables[tag]
        padded = table + bytes(-len(table) % 4)
        directory += struct.pack(
            ">4sIII", tag.encode("latin-1"), _sum(padded), start + len(body), len(table)
        )
        body += padded
    whole = bytearray(header + directory + body)
    head = struct.unpack_from(">I", directory, 16 * sorted(tables).index("head") + 8)[0]
    struct.pack_into(">I", whole, head + 8, (0xB1B0AFBA - _sum(bytes(whole))) & 0xFFFFFFFF)
    return bytes(whole)


def _sum(data: bytes) -> int:
    return int(sum(struct.unpack(f">{len(data) // 4}I", data))) & 0xFFFFFFFF
