"""A drawing as PDF 1.4: words in embedded fonts, colour bars as shadings, pictures without loss.

Words that no font which can be embedded writes (of Chinese or Japanese names, say) are drawn as
pictures of 600 dpi, with the text as their alternative, which some readers search and copy.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.escaping import plain
from engine.figures.drawing import Bar, Drawing, Frame, Ink, Line, Picture, Words
from engine.figures.formats import truetype
from engine.figures.formats.pdf_objects import Objects, number, text_string
from engine.figures.formats.truetype import TrueType
from engine.figures.lettering import Lettering, sized
from engine.records.images import Pixels
from engine.render.fonts import as_written, fonts, writes
from engine.version import NAME, VERSION

_WORDS_DPI = 600
_LONGEST = 1000
_SHIFT = {"start": 0.0, "middle": 0.5, "end": 1.0}


def written(drawing: Drawing) -> bytes:
    """The drawing as a file of one page."""
    return pages((drawing,))


def pages(drawings: Sequence[Drawing]) -> bytes:
    """The drawings as a file with a page of each, at least one; the title is that of the first."""
    return _Writer(drawings).file()


class _Face:
    """A font of the file, and the characters that are written in it."""

    def __init__(self, name: str, font: ImageFont.FreeTypeFont, face: TrueType) -> None:
        self.name, self.font, self.face = name, font, face
        self.used: dict[int, str] = {}

    def glyphs(self, text: str) -> list[int]:
        found = [self.face.glyph(character) for character in text]
        self.used |= dict(zip(found, text, strict=True))
        return found

    def width(self, glyphs: list[int]) -> float:
        """In parts of the size."""
        return sum(map(self.face.advance, glyphs)) / self.face.units


class _Writer:
    def __init__(self, drawings: Sequence[Drawing]) -> None:
        self._drawings = drawings
        self._drawing = drawings[0]
        self._objects = Objects()
        self._faces: dict[int, _Face] = {}
        self._resources: dict[str, dict[str, int]] = {"Font": {}, "XObject": {}, "Shading": {}}
        parts = [part for drawing in drawings for part in drawing.parts]
        texts = [part.text for part in parts if isinstance(part, Words)]
        self._lettering = Lettering(texts)

    def file(self) -> bytes:
        objects = self._objects
        root, tree = objects.reserve(), objects.reserve()
        made: list[tuple[int, int, Drawing]] = []
        for drawing in self._drawings:
            page = objects.reserve()
            content = objects.stream("\n".join(self._content(drawing)).encode("ascii"))
            made.append((page, content, drawing))
        for face in self._faces.values():
            self._resources["Font"][face.name] = self._font(face)
        resources = " ".join(
            f"/{kind} << {' '.join(f'/{name} {at} 0 R' for name, at in found.items())} >>"
            for kind, found in self._resources.items()
            if found
        )
        kids = " ".join(f"{page} 0 R" for page, _, _ in made)
        objects.put(root, f"<< /Type /Catalog /Pages {tree} 0 R >>")
        objects.put(tree, f"<< /Type /Pages /Kids [{kids}] /Count {len(made)} >>")
        for page, content, drawing in made:
            box = f"[0 0 {number(drawing.width)} {number(drawing.height)}]"
            objects.put(
                page,
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox {box} /Contents {content} 0 R "
                f"/Resources << {resources} >> >>",
            )
        title = text_string(plain(self._drawings[0].title, _LONGEST))
        by = text_string(f"{NAME} {VERSION}")
        info = objects.add(f"<< /Title {title} /Creator {by} /Producer {by} >>")
        return objects.file(root, info)

    # --- content ---------------------------------------------------------------------------------

    def _content(self, drawing: Drawing) -> Iterator[str]:
        self._drawing = drawing
        if drawing.paper is not None:
            yield f"{_rgb(drawing.paper)} rg"
            yield f"0 0 {number(drawing.width)} {number(drawing.height)} re f"
        for part in drawing.parts:
            match part:
                case Picture():
                    name = self._image(part.pixels)
                    yield self._placed(name, part.left, part.top, part.width, part.height)
                case Bar():
                    yield from self._bar(part)
                case Words():
                    yield from self._words(part)
                case Line():
                    start = f"{number(part.x1)} {self._y(part.y1)} m"
                    end = f"{number(part.x2)} {self._y(part.y2)} l S"
                    yield f"{_stroke(part)} {start} {end}"
                case Frame():
                    low = self._y(part.top + part.height)
                    size = f"{number(part.width)} {number(part.height)}"
                    yield f"{_stroke(part)} {number(part.left)} {low} {size} re S"

    def _y(self, down: float) -> str:
        """A place on the page, whose origin is at the bottom."""
        return number(self._drawing.height - down)

    def _placed(self, name: str, left: float, top: float, width: float, height: float) -> str:
        place = f"{number(width)} 0 0 {number(height)} {number(left)} {self._y(top + height)} cm"
        return f"q {place} /{name} Do Q"

    def _bar(self, part: Bar) -> Iterator[str]:
        data = np.ascontiguousarray(part.colors).tobytes()
        colors = self._objects.stream(
            data,
            "/FunctionType 0 /Domain [0 1] /Range [0 1 0 1 0 1] /BitsPerSample 8 "
            f"/Size [{len(part.colors)}]",
        )
        y = self._y(part.top)
        ends = f"[{number(part.left)} {y} {number(part.left + part.width)} {y}]"
        shading = self._objects.add(
            f"<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords {ends} /Function {colors} 0 R "
            "/Extend [true true] >>"
        )
        name = self._named("Shading", "S", shading)
        low = self._y(part.top + part.height)
        box = f"{number(part.left)} {low} {number(part.width)} {number(part.height)} re"
        yield f"q {box} W n /{name} sh Q"

    def _words(self, part: Words) -> Iterator[str]:
        text = plain(part.text, _LONGEST)
        if not text.strip():
            return
        face = self._embedded_for(text)
        if face is None:
            yield from self._words_as_picture(part, text)
            return
        glyphs = face.glyphs(as_written(text, face.font))
        left = part.x - _SHIFT[part.anchor] * face.width(glyphs) * part.size
        codes = "".join(f"{glyph:04X}" for glyph in glyphs)
        yield (
            f"BT /{face.name} {number(part.size)} Tf {_rgb(part.ink)} rg "
            f"{number(left)} {self._y(part.base)} Td <{codes}> Tj ET"
        )

    def _words_as_picture(self, part: Words, text: str) -> Iterator[str]:
        density = _WORDS_DPI / 72
        font = sized(self._lettering.font(part.text), part.size * density)
        shown = as_written(text, font)
        box = font.getbbox(shown, anchor="ls")
        size = max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).text((-box[0], -box[1]), shown, fill=255, font=font, anchor="ls")
        color = np.full((size[1], size[0], 3), part.ink, np.uint8)
        name = self._image(color, np.asarray(mask))
        left = part.x - _SHIFT[part.anchor] * self._lettering.width(part.text, part.size)
        yield f"/Span << /ActualText {text_string(text)} >> BDC"
        yield self._placed(
            name,
            left + box[0] / density,
            part.base + box[1] / density,
            size[0] / density,
            size[1] / density,
        )
        yield "EMC"

    # --- what the content refers to --------------------------------------------------------------

    def _named(self, kind: str, letter: str, at: int) -> str:
        found = self._resources[kind]
        name = f"{letter}{len(found)}"
        found[name] = at
        return name

    def _image(self, pixels: Pixels, mask: Pixels | None = None) -> str:
        soft = ""
        if mask is not None:
            soft = f" /SMask {self._samples(mask[..., None], 'DeviceGray')} 0 R"
        return self._named("XObject", "I", self._samples(pixels, "DeviceRGB", soft))

    def _samples(self, pixels: Pixels, space: str, more: str = "") -> int:
        """An image, rows, columns and colours, each row as its difference from the one above."""
        rows, columns, colors = pixels.shape
        above = np.zeros_like(pixels)
        above[1:] = pixels[:-1]
        coded = np.empty((rows, 1 + columns * colors), np.uint8)
        coded[:, 0] = 2
        coded[:, 1:] = (pixels - above).reshape(rows, -1)
        return self._objects.stream(
            coded.tobytes(),
            f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} "
            f"/ColorSpace /{space} /BitsPerComponent 8 /DecodeParms << /Predictor 15 "
            f"/Colors {colors} /BitsPerComponent 8 /Columns {columns} >>{more}",
        )

    def _embedded_for(self, text: str) -> _Face | None:
        """A font that can be embedded and writes the text, that of the figure before others; None
        if there is none."""
        for font in (self._lettering.font(text), *fonts(64)):
            face = truetype.of_font(font) if writes(font, text) else None
            if face is not None and all(map(face.glyph, text.replace(" ", ""))):
                known = self._faces.get(id(face))
                if known is None:
                    known = _Face(f"F{len(self._faces)}", font, face)
                    self._faces[id(face)] = known
                return known
        return None

    def _font(self, made: _Face) -> int:
        """The objects of a font: its glyphs, their widths, and what characters they are."""
        face, objects = made.face, self._objects
        scale = 1000 / face.units
        # A subset has a tag before its name, which only has to be another for another subset.
        tag = "".join(chr(65 + byte % 26) for byte in _checksum(made.used))
        name = f"{tag}+{''.join(made.font.getname()[0] or 'Font').replace(' ', '')}"
        name = "".join(letter for letter in name if letter.isascii() and letter not in "()<>[]{}/%")
        data = face.subset(made.used)
        file = objects.stream(data, f"/Length1 {len(data)}")
        box = " ".join(number(side * scale) for side in face.box)
        descriptor = objects.add(
            f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [{box}] "
            f"/ItalicAngle 0 /Ascent {number(face.ascent * scale)} "
            f"/Descent {number(face.descent * scale)} /CapHeight {number(face.ascent * scale)} "
            f"/StemV 80 /FontFile2 {file} 0 R >>"
        )
        widths = " ".join(
            f"{glyph} [{number(face.advance(glyph) * scale)}]" for glyph in sorted(made.used)
        )
        descendant = objects.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDSystemInfo "
            "<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            f"/FontDescriptor {descriptor} 0 R /W [{widths}] /CIDToGIDMap /Identity >>"
        )
        characters = objects.stream(_to_unicode(made.used))
        return objects.add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
            f"/DescendantFonts [{descendant} 0 R] /ToUnicode {characters} 0 R >>"
        )


def _checksum(used: dict[int, str]) -> bytes:
    whole = zlib.crc32("".join(sorted(used.values())).encode("utf-8"))
    return whole.to_bytes(4, "big") + (whole >> 7 & 0xFFFF).to_bytes(2, "big")


def _to_unicode(used: dict[int, str]) -> bytes:
    pairs = [
        f"<{glyph:04X}> <{character.encode('utf-16-be').hex().upper()}>"
        for glyph, character in sorted(used.items())
    ]
    # At most a hundred to a block.
    blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    lines = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    for block in blocks:
        lines += [f"{len(block)} beginbfchar", *block, "endbfchar"]
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(lines).encode("ascii")


def _rgb(ink: Ink) -> str:
    return " ".join(number(value / 255) for value in ink)


def _stroke(part: Line | Frame) -> str:
    return f"{_rgb(part.ink)} RG {number(part.thickness)} w"
