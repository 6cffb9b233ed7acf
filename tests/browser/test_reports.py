"""A report in a browser: on screens, on paper, and without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.keeping import files
from engine.keeping.records import KeptImage, KeptModel, KeptPane, KeptSession
from engine.records.asked import Question
from engine.records.edits import Crop, Edits, Rectangle
from engine.records.images import Note, Pixels, Region
from engine.records.sources import ModelSource
from engine.records.views import View
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
from engine.reports.saving import save_report
from tests.browser.looked import (
    PAPERS,
    Looked,
    is_printed_whole,
    letters,
    letters_of,
    look,
    needs_browser,
    nothing_is_cut_off,
    pages_of,
    pictures_are_there_in_their_shape,
    program,
)

pytestmark = needs_browser

NAMES = ("session", "shortcut", "extremes")
MARGIN_MM = 18.0
SCENE = Path(__file__).resolve().parents[2] / "resources" / "scenes" / "star-with-mark.jpg"
# One of each kind: a share, a place, beside chance, of another class.
FIGURES = "positive-share,border-energy,peak,deletion,other-class"


def session_file(folder: Path) -> Path:
    """Two images by two models in four panes: edits, notes, a contrast."""
    notes = (Note("The points say star."), Note("covered here", Region(10.0, 20.0, 30.0, 40.0)))
    scene, marked = "ring-and-star.jpg", "star-with-mark.jpg"
    images = (
        KeptImage("i", scene, scene=scene, notes=notes),
        KeptImage("j", marked, scene=marked, notes=(Note("a mark in the corner"),)),
    )
    models = (
        KeptModel("m", ModelSource("demo:shapes")),
        KeptModel("k", ModelSource("demo:shortcut")),
    )
    edits = Edits((Crop(Rectangle(100.0, 50.0, 900.0, 700.0)),))
    panes = (
        KeptPane(View("i", "m", "layer3", 1, method="layercam", edits=edits)),
        KeptPane(View("i", "m", "layer4", question=Question("contrast", 1), edits=edits)),
        KeptPane(View("j", "k")),
        KeptPane(View("j", "k", "layer3", method="hirescam")),
    )
    path = folder / "all.hookscope"
    files.write(path, KeptSession(images, models, panes))
    return path


def noise(rows: int, columns: int) -> Pixels:
    rng = np.random.default_rng([rows, columns])
    return rng.integers(0, 256, (rows, columns, 3)).astype(np.uint8)


def extremes() -> Report:
    """Long words, odd shapes, tables over pages, and a heading at every height of a page."""
    long = "w" * 300
    marks = ((0.0, "0"), (0.3, "0.00300"), (0.6, "0.00600"), (1.0, "0.00987"))
    bar = ColourBar(np.zeros((256, 3), np.uint8), marks, f"Value; {long}")
    shots = (
        Shot(noise(900, 100), "tall", ("a line",)),
        Shot(noise(90, 1600), "panorama", (), bar),
        Shot(noise(32, 32), long, (long,), bar),
        Shot(noise(1600, 1200), "portrait", ("a line " * 60,), bar),
    )
    figures = [("a figure", "0.881 ± 0.12 rank correlation", "a sentence " * 20)] * 25
    figures[3] = (long, "1 %", long)
    named = Table(("Figure", "Value", "What it says"), tuple(figures), (0.24, 0.2, 0.56), (1,))
    blocks: list[Block] = [Paragraph(f"https://example.org/{long}\nwords"), Pictures(shots)]
    blocks += [Heading("Figures"), named]
    small = Table(("Class", "Logit"), (("star", "3"), ("ring", "1")), (0.6, 0.4), (1,))
    for part in range(30):
        blocks += [Paragraph("\n".join(["filling"] * (part % 7)) or "one line")]
        blocks += [Heading(f"Part {part}"), Heading(f"Its part {part}", 3)]
        blocks += [Heading(f"A part of that {part}", 4), small]
    blocks += [Heading("Files"), Facts(((long, "e" * 64), ("name", "e" * 64)))]
    return Report(f"A long title {long}", "Hookscope report", tuple(blocks))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, Looked]:
    """The three reports, by name."""
    pages = [folder / name / "report.html" for name in NAMES]
    for page in pages:
        page.parent.mkdir()
    words = ("--words", "Words of my own.")
    kept = session_file(folder)
    program("report", kept, "--trust-figures", FIGURES, *words, "--out", pages[0])
    program(
        *("report", SCENE, "--model", "demo:shortcut", "--class", "star", "ring"),
        *("--method", "grad-cam", "layercam", "--trust-figures", "border-energy,peak"),
        *("--out", pages[1]),
    )
    save_report(pages[2], extremes(), "a4")
    return look(pages, folder / "printed")


@pytest.mark.parametrize("name", NAMES)
class TestEveryReport:
    def test_it_asks_for_nothing(self, seen: dict[str, Looked], name: str) -> None:
        found = seen[name]
        assert found.console == []
        for at in found.seen:
            assert at["asked"] == [found.page.as_uri()]

    def test_nothing_is_cut_off(self, seen: dict[str, Looked], name: str) -> None:
        nothing_is_cut_off(seen[name])

    def test_pictures(self, seen: dict[str, Looked], name: str) -> None:
        assert len(seen[name].light[1280]["pictures"]) >= 4
        pictures_are_there_in_their_shape(seen[name])

    def test_it_stays_paper_in_a_dark_browser(self, seen: dict[str, Looked], name: str) -> None:
        for at in seen[name].dark.values():
            assert at["scheme"] == "dark"
            assert at["ink"] > 0.8

    @pytest.mark.parametrize("paper", PAPERS)
    def test_print(self, seen: dict[str, Looked], name: str, paper: str) -> None:
        found = seen[name]
        is_printed_whole(found, paper, MARGIN_MM)
        pictures = [one for one in found.light[1280]["pictures"] if one["words"]]
        assert sum(len(page["pictures"]) for page in found.printed[paper]) == len(pictures)
        # Nor the head of a table without its rows.
        for page in found.printed[paper]:
            assert not letters(page["text"]).endswith(("Whatitsays", "Logit"))


@pytest.mark.parametrize("paper", PAPERS)
def test_short_tables_are_on_one_page(seen: dict[str, Looked], paper: str) -> None:
    pages = [letters(page["text"]) for page in seen["extremes"].printed[paper]]
    for part in range(30):
        whole = f"Part{part}Itspart{part}Apartofthat{part}ClassLogitstar3ring1"
        assert [whole in page for page in pages].count(True) == 1, part


@pytest.mark.parametrize("paper", PAPERS)
def test_words_on_paper(seen: dict[str, Looked], paper: str) -> None:
    words = letters_of(seen["session"].printed[paper])
    for text in (
        *("Words of my own.", "The points say star.", "covered here", "a mark in the corner"),
        *("crop to", "star against ring", "LayerCAM", "HiResCAM", "arXiv:1610.02391", "torch"),
        *("Positive share", "Energy at the border", "Peak", "Deletion", "Another class"),
    ):
        assert letters(text) in words, text


@pytest.mark.parametrize("paper", PAPERS)
def test_the_program_prints_the_same(folder: Path, seen: dict[str, Looked], paper: str) -> None:
    """Its own PDF, read by another program than the one that wrote it."""
    pdf = folder / f"{paper}.pdf"
    program(
        *("report", folder / "all.hookscope", "--words", "Words of my own."),
        *("--trust-figures", "peak", "--out", pdf, "--paper", paper),
    )
    pages = pages_of(pdf)
    for page in pages:
        assert (page["width"], page["height"]) == pytest.approx(PAPERS[paper], abs=1)
        assert page["right"] <= PAPERS[paper][0] - MARGIN_MM / 25.4 * 72 + 1
    words = letters_of(pages)
    for text in ("Words of my own.", "covered here", "star against ring", "HiResCAM"):
        assert letters(text) in words, text
