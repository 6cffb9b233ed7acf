"""A report as HTML and as PDF: it loads nothing, and has what was put into it, whatever that is."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from engine.records.workbench.reports import Sheet
from engine.reports.blocks import (
    Block,
    ColourBar,
    Facts,
    Heading,
    Paragraph,
    Pictures,
    Report,
    Shot,
    Table,
)
from engine.reports.saving import report_bytes
from tests.engine.figures.pages import PdfFile

# Elements without an end.
VOID = {"meta", "img", "col", "br", "hr", "link", "input"}
HOSTILE = '<script src="https://example.org/x.js">&"\'</script>\u202e'


class Page(HTMLParser):
    """A page as a browser reads it. pictures: of every img, in order; text: all that is shown."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.texts: list[str] = []
        self.style = ""
        self.policy = ""
        self.feed(data.decode("utf-8"))
        self.close()
        assert not self.open, f"{self.open} have no end"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "data", "action", "srcset", "poster"):
                self.loaded.append(value or "")
            assert not name.startswith("on"), name
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    @property
    def pictures(self) -> list[Any]:
        found = []
        for address in self.loaded:
            kind, _, data = address.partition(",")
            assert kind == "data:image/png;base64"
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                found.append(np.asarray(image.convert("RGB")))
        return found


def pixels(seed: int, rows: int = 40, columns: int = 60) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), np.uint8)


def report(*blocks: Block, title: str = "Two pictures") -> Report:
    return Report(title, "Hookscope report", blocks)


SHOTS = Pictures(
    (
        Shot(pixels(1), "image.png", ("60 x 40 pixels",)),
        Shot(
            pixels(2),
            "star, logit 2.9",
            ("Grad-CAM, layer4",),
            ColourBar(pixels(3, 1, 256)[0], ((0.0, "0"), (0.5, "0.1"), (1.0, "0.2")), "value"),
        ),
        Shot(pixels(4, 90, 30), "tall"),
    )
)
FACTS = Facts((("Model", "Shapes"), ("Weights", "shapes.safetensors")))
TABLE = Table(("Class", "Logit"), (("star", "−2.5"), ("ring", "1.0")), (0.7, 0.3), (1,))
WHOLE = report(Paragraph("First words.\nSecond line."), SHOTS, Heading("Settings"), FACTS, TABLE)


class Pages(PdfFile):
    """A PDF of several pages. at: which of them is read."""

    at = 0

    @property
    def pages(self) -> list[bytes]:
        return [body for body in self.objects.values() if b"/Type /Page " in body]

    @property
    def page(self) -> bytes:
        return self.pages[self.at]

    @property
    def whole_text(self) -> str:
        found = []
        for place in range(len(self.pages)):
            self.at = place
            found += self.text()
        self.at = 0
        return "\n".join(found)


class TestHtml:
    def test_it_loads_nothing_from_elsewhere(self) -> None:
        data = report_bytes(".html", WHOLE, "a4")
        page = Page(data)
        assert all(address.startswith("data:") for address in page.loaded)
        assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
        assert "url(" not in page.style
        assert "@import" not in page.style
        assert b"http:" not in data
        assert b"https:" not in data
        assert page.policy.startswith("default-src 'none';")

    def test_the_pictures_are_whole(self) -> None:
        found = Page(report_bytes(".html", WHOLE, "a4")).pictures
        bar = SHOTS.shots[1].bar
        assert bar is not None
        wanted = [SHOTS.shots[0].pixels, SHOTS.shots[1].pixels, bar.colors[None]]
        for one, other in zip(found, [*wanted, SHOTS.shots[2].pixels], strict=True):
            np.testing.assert_array_equal(one, other)

    def test_all_that_is_said_is_there(self) -> None:
        text = Page(report_bytes(".html", WHOLE, "a4")).text
        for words in ("Two pictures", "First words.\nSecond line.", "shapes.safetensors", "−2.5"):
            assert words in text

    @pytest.mark.parametrize("paper", ["a4", "letter"])
    def test_it_is_printed_on_whatever_paper_there_is(self, paper: Sheet) -> None:
        style = Page(report_bytes(".html", WHOLE, paper)).style
        (page,) = re.findall(r"@page \{([^}]*)\}", style)
        assert page.split() == ["margin:", "18mm;"]
        # What is as high as one of them is cut off on the other: both have 210 x 279.4 mm.
        heights = [float(n) for n in re.findall(r"height: ([\d.]+)mm", style)]
        assert heights
        assert max(heights) < 279.4 - 2 * 18 - 60

    def test_its_markup_is_well_formed(self) -> None:
        """As XML, so that every element is closed where it has to be."""
        text = report_bytes(".html", WHOLE, "a4").decode()
        text = re.sub(r"<!DOCTYPE html>|<style>.*?</style>", "", text, flags=re.S)
        text = re.sub(r"<(meta|img|col)\b([^>]*)>", r"<\1\2/>", text)
        root = ElementTree.fromstring(text)
        assert root.tag == "html"
        assert root.get("lang")
        assert [one.tag for one in root] == ["head", "body"]
        parents = {child: parent.tag for parent in root.iter() for child in parent}
        assert {parents[one] for one in root.iter("tr")} == {"thead", "tbody"}
        assert {parents[one] for one in root.iter("figcaption")} == {"figure"}
        for image in root.iter("img"):
            assert image.get("src", "").startswith("data:image/png;base64,")
            # Only a colour bar, whose numbers are beside it, has an empty one.
            assert image.get("alt") or parents[image] == "div"
        levels = [int(one.tag[1]) for one in root.iter() if re.fullmatch(r"h\d", one.tag)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))

    def test_names_are_text(self) -> None:
        odd = report(
            Paragraph(HOSTILE),
            Heading(HOSTILE),
            Facts(((HOSTILE, HOSTILE),)),
            Table((HOSTILE,), ((HOSTILE,),), (1.0,)),
            Pictures((Shot(pixels(1), HOSTILE, (HOSTILE,)),)),
            title=HOSTILE,
        )
        data = report_bytes(".html", odd, "a4")
        page = Page(data)
        assert "script" not in page.tags
        assert page.text.count("<script src=") == 10
        assert "\u202e" not in data.decode()


class TestPdf:
    @pytest.mark.parametrize(
        ("paper", "size"), [("a4", (210 / 25.4 * 72, 297 / 25.4 * 72)), ("letter", (612, 792))]
    )
    def test_its_pages_are_of_the_paper(self, paper: Sheet, size: tuple[float, float]) -> None:
        data = report_bytes(".pdf", report(*[Heading("A part")] * 80), paper)
        PdfFile(data)
        boxes = re.findall(rb"/MediaBox \[0 0 (\S+) (\S+)\]", data)
        assert len(boxes) > 2
        for width, height in boxes:
            assert (float(width), float(height)) == pytest.approx(size, abs=0.01)
        assert b"/Count %d" % len(boxes) in data

    def test_words_can_be_found_and_pictures_are_whole(self) -> None:
        file = Pages(report_bytes(".pdf", WHOLE, "a4"))
        text = file.whole_text
        for words in ("Two pictures", "First words.", "Second line.", "shapes.safetensors", "−2.5"):
            assert words in text
        found = [file.pixels(body) for body in file.resources("XObject").values()]
        for one, shot in zip(found, SHOTS.shots, strict=True):
            np.testing.assert_array_equal(one, shot.pixels)

    def test_nothing_lies_outside_its_page(self) -> None:
        long = "a word " * 300
        blocks = [Paragraph(long), TABLE, Facts((("name" * 30, long),)), SHOTS]
        data = report_bytes(".pdf", report(*blocks * 4), "letter")
        file = Pages(data)
        assert len(file.pages) > 3
        for place in range(len(file.pages)):
            file.at = place
            content = file.content
            places = re.findall(r"rg (\S+) (\S+) Td", content)
            places += re.findall(r"q \S+ 0 0 \S+ (\S+) (\S+) cm", content)
            assert places
            assert all(40 < float(x) < 612 - 40 and 40 < float(y) < 792 for x, y in places)

    def test_headings_stay_with_the_table_that_they_are_for(self) -> None:
        named = [Heading("Part"), Heading("Its part", 3), Heading("Part of that", 4), TABLE]
        for lines in range(20, 48):
            words = Paragraph("\n".join(["filling"] * lines))
            file = Pages(report_bytes(".pdf", report(words, *named), "a4"))
            for place in range(len(file.pages)):
                file.at = place
                said = [text for text in file.text() if not text.startswith("Hookscope, page")]
                # The first row is on the page of its headings.
                last = [*TABLE.head, "Part", "Its part", "Part of that"]
                assert said[-1] not in last, lines

    def test_a_short_table_is_on_one_page(self) -> None:
        rows = tuple((f"class {number}", "1 %") for number in range(5))
        short = Table(("Class", "Probability"), rows, (0.6, 0.4), (1,))
        for lines in range(30, 56, 2):
            words = Paragraph("\n".join(["filling"] * lines))
            file = Pages(report_bytes(".pdf", report(words, Heading("Prediction"), short), "a4"))
            for place in range(len(file.pages)):
                file.at = place
                assert (
                    len({name in file.text() for name in ("Prediction", "class 0", "class 4")}) == 1
                )

    def test_the_head_of_a_table_is_on_each_of_its_pages(self) -> None:
        rows = tuple((f"row {number}", "1", "a sentence") for number in range(90))
        table = Table(("Figure", "Value", "What it says"), rows, (0.3, 0.2, 0.5), (1,))
        file = Pages(report_bytes(".pdf", report(table), "letter"))
        assert len(file.pages) > 2
        for place in range(len(file.pages)):
            file.at = place
            assert file.text().count("What it says") == 1
        assert [f"row {number}" in file.whole_text for number in range(90)] == [True] * 90

    def test_a_heading_stays_with_what_it_is_for(self) -> None:
        for lines in range(20, 48, 3):
            words = Paragraph("\n".join(["filling"] * lines))
            data = report_bytes(".pdf", report(words, Heading("Last"), SHOTS), "a4")
            file = Pages(data)
            assert ("Last" in file.text()) == (" Do Q" in file.content), lines
