"""Help > User guide: the guide in a window of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QSize, QTimer, QUrl
from PySide6.QtGui import QColor, QImage, QTextBlock, QTextCharFormat, QTextDocument, QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QListWidget, QTextBrowser

from engine.paths import ROOT
from gui.handlers import help as help_menu
from gui.toolkit import theme
from gui.widgets.guide import page as guide_page
from gui.widgets.guide.window import GuideWindow, slug
from tests.gui.user import Key, Modifier, User, child

PICTURE = QUrl("images/first-start.png")


def guides() -> list[GuideWindow]:
    return [one for one in QApplication.topLevelWidgets() if isinstance(one, GuideWindow)]


@pytest.fixture
def guide(user: User) -> GuideWindow:
    user.start()
    user.press(Key.Key_F1)
    (found,) = guides()
    return found


def picture(page: QTextBrowser) -> QImage:
    found = page.document().resource(QTextDocument.ResourceType.ImageResource.value, PICTURE)
    assert isinstance(found, QImage)
    return found


def is_there(image: QImage) -> bool:
    """A picture, and not only the room for one."""
    small = image.scaled(40, 40)
    return len({small.pixel(x, y) for x in range(40) for y in range(40)}) > 20


def blocks(page: QTextBrowser) -> list[QTextBlock]:
    found = []
    block = page.document().begin()
    while block.isValid():
        found.append(block)
        block = block.next()
    return found


def formats(page: QTextBrowser) -> list[QTextCharFormat]:
    return [part.fragment().charFormat() for block in blocks(page) for part in block]


def tables(page: QTextBrowser) -> list[QTextTable]:
    frames = page.document().rootFrame().childFrames()
    return [one for one in frames if isinstance(one, QTextTable)]


def top(page: QTextBrowser) -> QTextBlock:
    return page.cursorForPosition(QPoint(page.viewport().width() // 2, 0)).block()


def test_a_task_bar_shows_the_guide_with_the_programs_icon(user: User, guide: GuideWindow) -> None:
    size = QSize(32, 32)
    shown = guide.windowIcon().pixmap(size).toImage()
    assert not shown.isNull()
    assert shown == user.program.window.windowIcon().pixmap(size).toImage()


def test_f1_shows_the_guide_with_its_pictures(user: User, guide: GuideWindow) -> None:
    page = child(guide, QTextBrowser)
    assert "First steps" in page.toPlainText()
    # Its room is kept at first, and it comes soon.
    user.until(lambda: is_there(picture(page)))
    whole = QImage(str(ROOT / "docs" / "images" / "first-start.png"))
    found = picture(page)
    assert found.width() / found.height() == pytest.approx(whole.width() / whole.height(), rel=0.01)
    # Pressed again, it is the same window.
    user.program.window.actions_by_id["guide"].trigger()
    assert guides() == [guide]
    QTest.keyClick(guide, Key.Key_Escape)
    user.until(lambda: not guides())
    # And again, a new one.
    user.program.window.actions_by_id["guide"].trigger()
    (again,) = guides()
    assert again.isVisible()


def test_a_minimised_guide_comes_back(user: User, guide: GuideWindow) -> None:
    guide.showMinimized()
    assert guide.isMinimized()
    user.program.window.actions_by_id["guide"].trigger()
    assert guides() == [guide]
    assert not guide.isMinimized()
    assert guide.isVisible()


def test_the_guide_stands_beside_the_program_and_goes_with_it(
    user: User, guide: GuideWindow
) -> None:
    """A window with a parent stays above it on Windows."""
    assert guide.parent() is None
    assert guide.windowHandle().transientParent() is None
    user.program.window.close()
    user.until(lambda: not guides())


def test_a_guide_that_is_closing_is_not_shown_again(user: User, guide: GuideWindow) -> None:
    """Escape and F1 so quickly that Qt has not yet deleted the window in between."""
    QTest.keyClick(guide, Key.Key_Escape)
    assert not guide.isVisible()
    user.program.window.actions_by_id["guide"].trigger()
    user.until(lambda: len(guides()) == 1)
    (again,) = guides()
    assert again.isVisible()
    # The old one's end is not taken for the new one's.
    user.program.window.actions_by_id["guide"].trigger()
    assert guides() == [again]


def test_another_theme_gives_the_guide_its_colours_and_leaves_the_reader_in_place(
    user: User, guide: GuideWindow, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    theme.apply(qapp, "light")
    page = child(guide, QTextBrowser)
    user.until(lambda: is_there(picture(page)))
    user.until(lambda: not page.findChildren(guide_page.QTimer)[0].isActive())
    page.verticalScrollBar().setValue(2000)
    place = top(page).text()

    def colours() -> set[str]:
        links = {QColor(one.foreground().color()).name() for one in formats(page) if one.isAnchor()}
        return links | {one.format().borderBrush().color().name() for one in tables(page)}

    def refuse(path: str) -> QImage:
        raise AssertionError(f"{path} is decoded again")

    user.until(lambda: colours() == {theme.LIGHT.accent, theme.LIGHT.border})
    with monkeypatch.context() as patched:
        patched.setattr(guide_page, "decode", refuse)
        theme.apply(qapp, "dark")
        user.until(lambda: colours() == {theme.DARK.accent, theme.DARK.border})
        assert is_there(picture(page))
        assert page.verticalScrollBar().value() == 2000
        assert top(page).text() == place


def test_pictures_are_as_sharp_as_the_screen_that_the_guide_is_moved_to(
    user: User, guide: GuideWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = child(guide, QTextBrowser)
    user.until(lambda: is_there(picture(page)))
    # What is still to be fitted would be sharp by itself.
    user.until(lambda: not any(timer.isActive() for timer in page.findChildren(QTimer)))
    before = picture(page)
    assert before.devicePixelRatio() == 1
    monkeypatch.setattr(type(page), "devicePixelRatioF", lambda _: 2.0)
    QApplication.sendEvent(guide.windowHandle(), QEvent(QEvent.Type.DevicePixelRatioChange))
    user.until(lambda: picture(page).devicePixelRatio() == 2)
    assert picture(page).width() == pytest.approx(2 * before.width(), abs=2)
    assert is_there(picture(page))


@pytest.mark.parametrize("width", [1080, 960, 720, 560])
def test_text_and_pictures_fit_the_window(user: User, guide: GuideWindow, width: int) -> None:
    page = child(guide, QTextBrowser)
    user.until(lambda: is_there(picture(page)))
    guide.resize(width, 600)
    assert guide.width() == width
    user.until(lambda: page.document().size().width() <= page.viewport().width())
    ratio = picture(page).devicePixelRatio()
    room = page.lineWrapColumnOrWidth() - 2 * page.document().documentMargin()
    user.until(lambda: room / 2 < picture(page).width() / ratio <= room)
    assert is_there(picture(page))


def test_the_reader_keeps_the_place_when_the_window_gets_narrower(
    user: User, guide: GuideWindow
) -> None:
    page, chapters = child(guide, QTextBrowser), child(guide, QListWidget)
    names = [chapters.item(row).text().strip() for row in range(chapters.count())]
    chapters.setCurrentRow(names.index("Display"))
    place = top(page).text()
    guide.resize(560, guide.height())
    user.until(lambda: page.document().size().width() <= page.viewport().width())
    assert top(page).text() == place
    assert page.verticalScrollBar().value() > 0


def test_the_guide_is_not_wider_than_the_screen(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen:
        def availableSize(self) -> QSize:
            return QSize(656, 380)

    monkeypatch.setattr(GuideWindow, "screen", lambda _: Screen())
    user.start().window.actions_by_id["guide"].trigger()
    (guide,) = guides()
    assert (guide.width(), guide.height()) == (656, 380)


def test_the_lines_of_a_program_stand_together_and_are_not_broken(
    user: User, guide: GuideWindow
) -> None:
    page = child(guide, QTextBrowser)
    guide.resize(1080, 800)
    page.document().size()
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    written = [one.splitlines() for one in re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)]
    code = {line[4:]: line is part[-1] for part in written for line in part}
    lines = [one for one in blocks(page) if one.text() in code]
    assert len(lines) == len(code) > 0
    assert all((one.blockFormat().bottomMargin() > 0) == code[one.text()] for one in lines)
    assert {one.layout().lineCount() for one in lines} == {1}
    (size,) = {part.fragment().charFormat().fontPointSize() for one in lines for part in one}
    assert size == pytest.approx(0.9 * page.font().pointSizeF())


def test_chapters_and_links_lead_to_their_heading(user: User, guide: GuideWindow) -> None:
    page, chapters = child(guide, QTextBrowser), child(guide, QListWidget)

    names = [chapters.item(row).text().strip() for row in range(chapters.count())]
    for name in ("Opening models", "States and messages", "Display"):
        chapters.setCurrentRow(names.index(name))
        place = page.cursorForPosition(page.viewport().rect().topLeft())
        place.movePosition(place.MoveOperation.NextBlock)
        assert name in (top(page).text(), place.block().text())
    page.anchorClicked.emit(QUrl("#the-layer-tree"))
    assert chapters.currentItem().text().strip() == "The layer tree"


def test_every_anchor_of_the_guide_is_a_heading() -> None:
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    headings = {slug(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_find_goes_from_place_to_place_and_says_when_there_is_none(
    user: User, guide: GuideWindow
) -> None:
    page, field = child(guide, QTextBrowser), child(guide, QLineEdit)
    chapters = child(guide, QListWidget)
    QTest.keyClick(guide, Key.Key_F, Modifier.ControlModifier)
    QTest.keyClicks(field, "heat map")
    first = page.textCursor().selectionStart()
    assert page.textCursor().selectedText().lower() == "heat map"
    QTest.keyClick(field, Key.Key_Return)
    assert page.textCursor().selectionStart() > first
    height, value = chapters.y(), page.verticalScrollBar().value()
    assert value > 0
    field.setText("zebra crossing")
    QApplication.sendPostedEvents()
    assert (chapters.y(), page.verticalScrollBar().value()) == (height, value)
    assert any("No matches in the guide" in one.text() for one in guide.findChildren(QLabel))


def test_a_guide_that_is_gone_is_said_to_be(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    monkeypatch.setattr(help_menu, "GUIDE", tmp_path / "guide.md")
    program.window.actions_by_id["guide"].trigger()
    assert "reinstall the program" in program.window.notice.text
