"""Help > User guide: the guide in a window of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QImage, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget, QTextBrowser

from engine.paths import ROOT
from gui import help as help_menu
from gui.guide_window import GuideWindow, slug
from tests.gui.seat import Key, Modifier, Seat, child


@pytest.fixture
def guide(seat: Seat) -> GuideWindow:
    seat.start()
    seat.press(Key.Key_F1)
    return seat.dialog(GuideWindow)


def test_f1_shows_the_guide_with_its_pictures(seat: Seat, guide: GuideWindow) -> None:
    page = child(guide, QTextBrowser)
    assert "First minutes" in page.toPlainText()
    picture = QUrl("images/first-start.png")

    def colours() -> int:
        found = page.document().resource(QTextDocument.ResourceType.ImageResource.value, picture)
        assert isinstance(found, QImage)
        small = found.scaled(40, 40)
        return len({small.pixel(x, y) for x in range(40) for y in range(40)})

    # Its room is kept at first, and it comes soon.
    seat.until(lambda: colours() > 20)
    whole = QImage(str(ROOT / "docs" / "images" / "first-start.png"))
    found = page.document().resource(QTextDocument.ResourceType.ImageResource.value, picture)
    assert found.width() / found.height() == pytest.approx(whole.width() / whole.height(), rel=0.01)
    # Pressed again, it is the same window.
    seat.program.window.actions_by_id["guide"].trigger()
    assert len(seat.program.window.findChildren(GuideWindow)) == 1
    QTest.keyClick(guide, Key.Key_Escape)
    seat.until(lambda: not seat.program.window.findChildren(GuideWindow))


def test_chapters_and_links_lead_to_their_heading(seat: Seat, guide: GuideWindow) -> None:
    page, chapters = child(guide, QTextBrowser), child(guide, QListWidget)

    def top() -> str:
        return page.cursorForPosition(page.viewport().rect().topLeft()).block().text()

    names = [chapters.item(row).text().strip() for row in range(chapters.count())]
    for name in ("Opening models", "States and messages", "Display"):
        chapters.setCurrentRow(names.index(name))
        place = page.cursorForPosition(page.viewport().rect().topLeft())
        place.movePosition(place.MoveOperation.NextBlock)
        assert name in (top(), place.block().text())
    page.anchorClicked.emit(QUrl("#the-layer-tree"))
    assert chapters.currentItem().text().strip() == "The layer tree"


def test_every_anchor_of_the_guide_is_a_heading() -> None:
    import re

    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    headings = {slug(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_find_goes_from_place_to_place_and_says_when_there_is_none(
    seat: Seat, guide: GuideWindow
) -> None:
    page, field = child(guide, QTextBrowser), child(guide, QLineEdit)
    QTest.keyClick(guide, Key.Key_F, Modifier.ControlModifier)
    QTest.keyClicks(field, "heat map")
    first = page.textCursor().selectionStart()
    assert page.textCursor().selectedText().lower() == "heat map"
    QTest.keyClick(field, Key.Key_Return)
    assert page.textCursor().selectionStart() > first
    field.setText("zebra crossing")
    assert any("is not in the guide" in one.text() for one in guide.findChildren(QLabel))


def test_a_guide_that_is_gone_is_said_to_be(
    seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = seat.start()
    monkeypatch.setattr(help_menu, "_GUIDE", tmp_path / "guide.md")
    program.window.actions_by_id["guide"].trigger()
    assert "install the program again" in program.window.notice.text
