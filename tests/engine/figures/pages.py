"""Panes and drawings that the tests of figures share."""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np

from engine.figures.layout import Scale, figure
from engine.figures.panes import Pane, pane_of
from engine.records.display import DisplaySettings
from engine.records.figures import FigureForm
from engine.records.images import Region
from engine.render import overlay
from tests.explanations import explain, noise, picture

SETTINGS = DisplaySettings(opacity=0.5, end=2.0)


def pane(
    width: int = 240,
    height: int = 160,
    words: tuple[str, ...] = ("layer4", "0 to 2"),
    seed: int = 0,
) -> Pane:
    """A pane whose region leaves a quarter of the image free on either side."""
    region = Region(width / 4, 0.0, width / 2, float(height))
    explanation = explain(np.abs(noise(4, 4, seed)), region, (width, height))
    return pane_of(picture(width, height), explanation, SETTINGS, words, f"image {seed}")


def scale(words: str = "Grad-CAM value") -> Scale:
    return Scale(SETTINGS, lambda spacing: overlay.marks(0.0, 2.0, spacing), words)


def drawing(form: FigureForm | None = None, *words: str) -> Any:
    """Two panes, a colour bar and a caption."""
    form = form or FigureForm(outline=True)
    row = [pane(words=words or ("layer4 · star", "−0.1 to 2")), pane(seed=1)]
    return figure([row], form, [scale()], ["one caption", "another line"], "A title")


class PdfFile:
    """A PDF read by its cross-reference table, as a reader does, without the program's help."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        assert data.startswith(b"%PDF-1.4\n")
        assert data.endswith(b"%%EOF\n")
        start = int(re.findall(rb"startxref\n(\d+)\n", data)[-1])
        assert data[start : start + 4] == b"xref"
        lines = data[start:].split(b"\n")
        first, count = map(int, lines[1].split())
        assert first == 0
        entries = lines[2 : 2 + count]
        # Twenty bytes each, with the end of the line.
        assert all(len(entry) == 19 for entry in entries)
        assert entries[0].startswith(b"0000000000 65535 f")
        self.trailer = data[data.rindex(b"trailer") :]
        self.objects: dict[int, bytes] = {}
        for number, entry in enumerate(entries[1:], start=1):
            offset = int(entry[:10])
            head = b"%d 0 obj\n" % number
            assert data[offset : offset + len(head)] == head, number
            self.objects[number] = data[offset + len(head) : data.index(b"\nendobj", offset)]
        assert int(re.search(rb"/Size (\d+)", self.trailer)[1]) == count  # type: ignore[index]
        for body in self.objects.values():
            # What follows 'stream' is data, which may look like anything.
            for at in re.findall(rb"(\d+) 0 R", body.split(b"stream\n")[0]):
                assert int(at) in self.objects

    def ref(self, body: bytes, name: str) -> bytes:
        """The object that an entry of a dictionary refers to."""
        found = re.search(rb"/%s \[?(\d+) 0 R" % name.encode(), body)
        assert found is not None, name
        return self.objects[int(found[1])]

    @property
    def page(self) -> bytes:
        return self.ref(self.ref(self.ref(self.trailer, "Root"), "Pages"), "Kids")

    @property
    def content(self) -> str:
        return self.stream(self.ref(self.page, "Contents")).decode("ascii")

    def resources(self, kind: str) -> dict[str, bytes]:
        found = re.search(rb"/%s << (.*?) >>" % kind.encode(), self.page)
        pairs = re.findall(rb"/(\w+) (\d+) 0 R", found[1]) if found else []
        return {name.decode(): self.objects[int(at)] for name, at in pairs}

    @staticmethod
    def stream(body: bytes) -> bytes:
        head, data = body.split(b"stream\n", 1)
        length = int(re.search(rb"/Length (\d+)", head)[1])  # type: ignore[index]
        assert data[length:] == b"\nendstream"
        return zlib.decompress(data[:length])

    def pixels(self, body: bytes) -> Any:
        """The samples of an image, whose rows are differences from the row above."""
        head = body.split(b"stream\n", 1)[0]
        columns, rows, colors = (
            int(re.search(rb"/%s (\d+)" % name, head)[1])  # type: ignore[index]
            for name in (b"Width", b"Height", b"Colors")
        )
        coded = np.frombuffer(self.stream(body), np.uint8).reshape(rows, 1 + columns * colors)
        assert (coded[:, 0] == 2).all()
        added = np.cumsum(coded[:, 1:].astype(np.uint64), axis=0) % 256
        return added.astype(np.uint8).reshape(rows, columns, colors)

    def text(self) -> list[str]:
        """The words of the page, as a reader finds them when it copies them."""
        maps = {name: self._to_unicode(body) for name, body in self.resources("Font").items()}
        found = []
        for name, codes in re.findall(r"BT /(\w+) .*? <([0-9A-F]*)> Tj ET", self.content):
            glyphs = [int(codes[at : at + 4], 16) for at in range(0, len(codes), 4)]
            found.append("".join(maps[name][glyph] for glyph in glyphs))
        return found

    def _to_unicode(self, font: bytes) -> dict[int, str]:
        table = self.stream(self.ref(font, "ToUnicode")).decode("ascii")
        pairs = re.findall(r"^<([0-9A-F]{4})> <([0-9A-F]+)>$", table, re.MULTILINE)
        return {int(glyph, 16): bytes.fromhex(code).decode("utf-16-be") for glyph, code in pairs}
