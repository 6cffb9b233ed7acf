"""PNG, SVG and PDF of one drawing, read by other means than they were written with."""

from __future__ import annotations

import base64
import io
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from engine.errors import ExportError
from engine.figures.drawing import Bar, Drawing, Frame, Picture, Words
from engine.figures.formats import pdf, truetype
from engine.figures.formats.raster import drawn
from engine.figures.formats.truetype import FontFileError, TrueType
from engine.figures.saving import SUFFIXES, figure_bytes, save_figure
from engine.records.figures import FigureForm
from engine.render import fonts
from tests.engine.figures.pages import PdfFile, drawing, pane

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def of(kind: type, page: Drawing) -> list[object]:
    return [part for part in page.parts if isinstance(part, kind)]


def pictures(page: Drawing) -> list[Picture]:
    return [part for part in page.parts if isinstance(part, Picture)]


# --- PNG -----------------------------------------------------------------------------------------


class TestPng:
    def test_it_has_the_size_and_says_the_dpi(self) -> None:
        page = drawing(FigureForm(width=85.0, dpi=240))
        with Image.open(io.BytesIO(figure_bytes(".png", page, 240))) as picture:
            assert picture.width == round(85 / 25.4 * 240)
            assert picture.mode == "RGB"
            assert picture.info["dpi"][0] == pytest.approx(240, abs=0.1)

    def test_pictures_are_in_it_pixel_by_pixel(self) -> None:
        page = drawing(FigureForm())
        whole = np.asarray(drawn(page, 300))
        for part in pictures(page):
            left, top = round(part.left / 72 * 300), round(part.top / 72 * 300)
            rows, columns, _ = part.pixels.shape
            np.testing.assert_array_equal(
                whole[top : top + rows, left : left + columns], part.pixels
            )

    def test_transparent_paper_is_transparent_and_pictures_are_not(self) -> None:
        page = drawing(FigureForm(paper="transparent"))
        whole = np.asarray(drawn(page, 150))
        assert whole.shape[2] == 4
        assert whole[0, 0, 3] == 0
        part = pictures(page)[0]
        at = [round(v / 72 * 150) for v in (part.top + 20, part.left + 20)]
        assert whole[at[0], at[1], 3] == 255

    def test_the_bar_runs_through_its_colours(self) -> None:
        page = drawing()
        whole = np.asarray(drawn(page, 600)).astype(int)
        (part,) = (one for one in page.parts if isinstance(one, Bar))
        row = round((part.top + part.height / 2) / 72 * 600)
        for place in (0.05, 0.5, 0.95):
            column = round((part.left + place * part.width) / 72 * 600)
            wanted = part.colors[round(place * 255)].astype(int)
            assert np.abs(whole[row, column] - wanted).max() <= 6


# --- SVG -----------------------------------------------------------------------------------------


class TestSvg:
    def read(self, page: Drawing) -> ET.Element:
        return ET.fromstring(figure_bytes(".svg", page, 300))

    def test_it_is_as_large_as_the_figure(self) -> None:
        root = self.read(drawing(FigureForm(width=85.0)))
        assert root.tag == f"{SVG}svg"
        assert root.get("width") == "85mm"
        assert root.get("viewBox", "").split()[2] == f"{85 / 25.4 * 72:.4f}".rstrip("0")

    def test_words_are_words(self) -> None:
        page = drawing(None, "a < b & 'c' \"d\"", "é Ω 一")
        found = [element.text for element in self.read(page).iter(f"{SVG}text")]
        assert found == [part.text for part in page.parts if isinstance(part, Words)]
        assert "a < b & 'c' \"d\"" in found

    def test_control_characters_make_no_other_document(self) -> None:
        page = drawing(None, "a\x00b\x1b[1m</text>", "\ud800")
        found = [element.text or "" for element in self.read(page).iter(f"{SVG}text")]
        assert not any(ord(c) < 32 for text in found for c in text)
        assert any("</text>" in text for text in found)

    def test_pictures_are_without_loss(self) -> None:
        page = drawing()
        images = list(self.read(page).iter(f"{SVG}image"))
        for element, part in zip(images, pictures(page), strict=True):
            data = element.get(LINK, "").removeprefix("data:image/png;base64,")
            with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
                np.testing.assert_array_equal(np.asarray(picture), part.pixels)
            assert float(element.get("width", "0")) == pytest.approx(part.width, abs=1e-3)

    def test_the_bar_is_a_gradient(self) -> None:
        page = drawing()
        (part,) = (one for one in page.parts if isinstance(one, Bar))
        root = self.read(page)
        (gradient,) = root.iter(f"{SVG}linearGradient")
        stops = [
            (float(stop.get("offset", "")), bytes.fromhex(stop.get("stop-color", "")[1:]))
            for stop in gradient.iter(f"{SVG}stop")
        ]
        places = [place for place, _ in stops]
        colors = np.array([list(color) for _, color in stops], float)
        for index in range(256):
            found = [np.interp(index / 255, places, colors[:, c]) for c in range(3)]
            assert np.abs(np.array(found) - part.colors[index]).max() <= 4
        fills = [element.get("fill") for element in root.iter(f"{SVG}rect")]
        assert f"url(#{gradient.get('id')})" in fills

    def test_transparent_paper_is_no_rectangle(self) -> None:
        page = drawing(FigureForm(paper="transparent", outline=False))
        assert len(list(self.read(page).iter(f"{SVG}rect"))) == 1  # the bar
        assert len(list(self.read(drawing(FigureForm())).iter(f"{SVG}rect"))) == 2

    def test_qt_draws_it(self, qapp: object) -> None:
        from PySide6.QtCore import QByteArray
        from PySide6.QtGui import QImage, QPainter
        from PySide6.QtSvg import QSvgRenderer

        page = drawing(FigureForm(width=85.0))
        renderer = QSvgRenderer(QByteArray(figure_bytes(".svg", page, 300)))
        assert renderer.isValid()
        image = QImage(round(page.width * 2), round(page.height * 2), QImage.Format.Format_RGB888)
        image.fill(0xFF0000)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        part = pictures(page)[1]
        x, y = 2 * (part.left + part.width / 10), 2 * (part.top + part.height / 10)
        color = image.pixelColor(round(x), round(y))
        near = part.pixels[
            part.pixels.shape[0] // 10 - 3 : part.pixels.shape[0] // 10 + 4,
            part.pixels.shape[1] // 10 - 3 : part.pixels.shape[1] // 10 + 4,
        ].astype(int)
        apart = np.abs(near - [color.red(), color.green(), color.blue()]).max(axis=2)
        assert apart.min() <= 24
        assert image.pixelColor(1, 1).getRgb()[:3] == (255, 255, 255)


# --- PDF -----------------------------------------------------------------------------------------


class TestPdf:
    def test_its_page_is_as_large_as_the_figure(self) -> None:
        page = drawing(FigureForm(width=85.0))
        file = PdfFile(figure_bytes(".pdf", page, 300))
        box = re.search(rb"/MediaBox \[0 0 (\S+) (\S+)\]", file.page)
        assert box is not None
        assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=1e-3)
        assert float(box[2]) == pytest.approx(page.height, abs=1e-3)

    def test_words_can_be_found_and_copied(self) -> None:
        page = drawing(None, "layer4 (star) \\ ·", "0.1 to 2")
        file = PdfFile(figure_bytes(".pdf", page, 300))
        assert file.text() == [part.text for part in page.parts if isinstance(part, Words)]

    def test_pictures_are_without_loss_and_in_their_places(self) -> None:
        page = drawing()
        file = PdfFile(figure_bytes(".pdf", page, 300))
        images = file.resources("XObject")
        placed = re.findall(r"q (\S+) 0 0 (\S+) (\S+) (\S+) cm /(\w+) Do Q", file.content)
        for (wide, tall, left, low, name), part in zip(placed, pictures(page), strict=True):
            np.testing.assert_array_equal(file.pixels(images[name]), part.pixels)
            found = [float(v) for v in (wide, tall, left, low)]
            bottom = page.height - part.top - part.height
            assert found == pytest.approx([part.width, part.height, part.left, bottom], abs=1e-3)

    def test_the_bar_is_a_shading_of_the_exact_colours(self) -> None:
        page = drawing()
        file = PdfFile(figure_bytes(".pdf", page, 300))
        (part,) = (one for one in page.parts if isinstance(one, Bar))
        (shading,) = file.resources("Shading").values()
        assert b"/ShadingType 2" in shading
        assert b"/Size [256]" in file.ref(shading, "Function")
        samples = np.frombuffer(file.stream(file.ref(shading, "Function")), np.uint8)
        np.testing.assert_array_equal(samples.reshape(-1, 3), part.colors)
        ends = re.search(rb"/Coords \[(\S+) \S+ (\S+) \S+\]", shading)
        assert ends is not None
        assert float(ends[1]) == pytest.approx(part.left, abs=1e-3)
        assert float(ends[2]) == pytest.approx(part.left + part.width, abs=1e-3)

    def test_fonts_are_embedded_and_have_the_glyphs_alone(self) -> None:
        page = drawing()
        file = PdfFile(figure_bytes(".pdf", page, 300))
        found = file.resources("Font")
        assert found
        for font in found.values():
            descriptor = file.ref(file.ref(font, "DescendantFonts"), "FontDescriptor")
            data = file.stream(file.ref(descriptor, "FontFile2"))
            name = re.search(rb"/FontName /([A-Z]{6}\+\w+)", descriptor)
            assert name is not None
            # A font that FreeType opens by itself, smaller than the one it is of.
            ImageFont.truetype(io.BytesIO(data), 20)
            assert len(data) < 90_000

    def test_a_font_is_embedded_once_whatever_one_of_the_names_holds(self) -> None:
        unknown = drawing(None, "a name with \ue123", "0 to 2")
        plain = drawing(None, "a name without it", "0 to 2")
        files = [PdfFile(figure_bytes(".pdf", page, 300)) for page in (unknown, plain)]
        used = [len(file.resources("Font")) for file in files]
        assert used == [1, 1]

    def test_the_title_is_in_the_properties(self) -> None:
        page = drawing()
        file = PdfFile(figure_bytes(".pdf", page, 300))
        title = re.search(rb"/Title <([0-9A-F]+)>", file.ref(file.trailer, "Info"))
        assert title is not None
        assert bytes.fromhex(title[1].decode()).decode("utf-16") == "A title"

    def test_equal_drawings_are_equal_files(self) -> None:
        assert figure_bytes(".pdf", drawing(), 300) == figure_bytes(".pdf", drawing(), 300)

    def test_words_without_a_font_to_embed_are_pictures_with_their_text(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(truetype, "of_font", lambda _font: None)
        page = drawing(None, "star", "0 to 2")
        file = PdfFile(pdf.written(page))
        assert not file.resources("Font")
        texts = [
            bytes.fromhex(code).decode("utf-16")
            for code in re.findall(r"/ActualText <([0-9A-F]+)> >> BDC", file.content)
        ]
        assert texts == [part.text for part in page.parts if isinstance(part, Words)]
        masked = [body for body in file.resources("XObject").values() if b"/SMask" in body]
        assert len(masked) == len(texts)
        mask = file.pixels(file.ref(masked[0], "SMask"))
        assert mask.max() == 255

    def test_transparent_paper_is_not_painted(self) -> None:
        form = FigureForm(paper="transparent")
        assert " re f" not in PdfFile(figure_bytes(".pdf", drawing(form), 300)).content
        assert " re f" in PdfFile(figure_bytes(".pdf", drawing(), 300)).content

    def test_an_outline_is_lines(self) -> None:
        page = drawing(FigureForm(outline=True))
        content = PdfFile(figure_bytes(".pdf", page, 300)).content
        assert content.count(" re S") == len(of(Frame, page)) == 4


# --- fonts ---------------------------------------------------------------------------------------


def own_font() -> ImageFont.FreeTypeFont:
    return next(fonts.fonts(100))


class TestTrueType:
    def test_advances_are_freetypes(self) -> None:
        font = own_font()
        face = truetype.of_font(font)
        assert face is not None
        plain = font.font_variant(size=face.units, layout_engine=ImageFont.Layout.BASIC)
        for character in "aMi.1 ":
            wanted = plain.getlength(character)
            assert face.advance(face.glyph(character)) == pytest.approx(wanted, abs=1)

    def test_a_subset_draws_its_glyphs_as_before(self) -> None:
        font = own_font()
        face = truetype.of_font(font)
        assert face is not None
        text = "Grad-CAM 0.5"
        data = face.subset({face.glyph(character) for character in text})
        tables = _tables(data)
        assert set(tables) <= set(truetype._KEPT)
        places = struct.unpack(f">{len(tables['loca']) // 4}I", tables["loca"])
        whole = _tables(font.font_bytes)
        used = {face.glyph(character) for character in text.replace(" ", "")} | {0}
        for glyph in range(len(places) - 1):
            outline = tables["glyf"][places[glyph] : places[glyph + 1]]
            if glyph in used:
                assert outline.rstrip(b"\0")
                assert outline.rstrip(b"\0") in whole["glyf"]
            else:
                assert outline == b""

    def test_a_whole_subset_has_the_checksum_that_fonts_have(self) -> None:
        face = truetype.of_font(own_font())
        assert face is not None
        data = face.subset(range(20))
        padded = data + bytes(-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        assert total == 0xB1B0AFBA

    @pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"OTTO" + bytes(40), b"ttcf" + bytes(8)])
    def test_what_is_no_such_font_is_refused(self, data: bytes) -> None:
        with pytest.raises(FontFileError):
            TrueType(data)

    def test_a_damaged_font_is_refused_or_read(self) -> None:
        """No damage to a font file ends in anything but FontFileError."""
        whole = own_font().font_bytes
        rng = np.random.default_rng(0)
        for _ in range(200):
            data = bytearray(whole)
            for place in rng.integers(0, 2000, 8):
                data[place] = int(rng.integers(256))
            try:
                TrueType(bytes(data[: int(rng.integers(200, len(data)))]))
            except FontFileError:
                continue

    def test_a_font_that_may_not_be_embedded_is_not(self) -> None:
        data = bytearray(own_font().font_bytes)
        count = struct.unpack_from(">H", data, 4)[0]
        for number in range(count):
            tag, _, offset, _ = struct.unpack_from(">4sIII", data, 12 + 16 * number)
            if tag == b"OS/2":
                struct.pack_into(">H", data, offset + 8, 2)
        assert not TrueType(bytes(data)).embeddable
        assert TrueType(own_font().font_bytes).embeddable


def _tables(data: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">H", data, 4)
    found = {}
    for number in range(count):
        tag, _, offset, length = struct.unpack_from(">4sIII", data, 12 + 16 * number)
        found[tag.decode()] = data[offset : offset + length]
    return found


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_whole_or_absent(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure{suffix.upper()}"
    save_figure(path, drawing(), 150)
    assert path.read_bytes() == figure_bytes(suffix, drawing(), 150)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ExportError, match="cannot write"):
        save_figure(tmp_path / "missing" / f"f{suffix}", drawing(), 150)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.gif is not supported; use \.png, \.pdf or \.svg"):
        save_figure(tmp_path / "f.gif", drawing(), 150)


def test_names_in_any_script_can_be_written() -> None:
    for suffix in SUFFIXES:
        page = drawing(None, "猫 кошка قطة 🐈", "\ud800 \x07")
        assert figure_bytes(suffix, page, 100)
    assert pane().words
