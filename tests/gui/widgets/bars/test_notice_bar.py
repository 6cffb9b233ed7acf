"""The notice: what it says, when it goes, what room it takes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.toolkit import theme
from gui.widgets.bars.notice_bar import NoticeBar

LONG = "The picture of this very long name cannot be opened because its file ends too early. " * 4


@pytest.fixture
def host(qtbot: QtBot, qapp: QApplication) -> QWidget:
    theme.apply(qapp, "light")
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(800, 500)
    with qtbot.waitExposed(host):
        host.show()
    return host


@pytest.fixture
def bar(host: QWidget) -> NoticeBar:
    bar = NoticeBar()
    rows = QVBoxLayout(host)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.addWidget(bar)
    rows.addStretch(1)
    return bar


def button(bar: NoticeBar) -> QPushButton:
    found = bar.findChild(QPushButton)
    assert isinstance(found, QPushButton)
    return found


def close(bar: NoticeBar) -> QToolButton:
    found = bar.findChild(QToolButton)
    assert isinstance(found, QToolButton)
    return found


def test_nothing_is_shown_at_first(bar: NoticeBar) -> None:
    assert bar.isHidden()
    assert (bar.kind, bar.text) == ("", "")


def test_it_says_what_it_is_told_to_eyes_and_ears(bar: NoticeBar) -> None:
    bar.show_notice("warning", "No images in holiday")
    assert bar.isVisible()
    assert (bar.kind, bar.text) == ("warning", "No images in holiday")
    assert bar.accessibleDescription() == "No images in holiday"
    assert not button(bar).isVisible()


def test_a_newer_notice_replaces_the_older(bar: NoticeBar) -> None:
    bar.show_notice("error", "first", "Show folder", "/tmp")
    bar.show_notice("hint", "second")
    assert (bar.kind, bar.text) == ("hint", "second")
    assert not button(bar).isVisible()


def test_its_button_tells_what_was_offered(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.show_notice("info", "Exported a.png", "Show folder", "/pictures")
    assert button(bar).text() == "Show folder"
    with qtbot.waitSignal(bar.acted) as acted:
        QTest.mouseClick(button(bar), Qt.MouseButton.LeftButton)
    assert acted.args == ["Show folder", "/pictures"]


def test_closing_it_tells_its_kind(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.show_notice("hint", "Click another class")
    with qtbot.waitSignal(bar.dismissed) as dismissed:
        QTest.mouseClick(close(bar), Qt.MouseButton.LeftButton)
    assert dismissed.args == ["hint"]
    assert bar.isHidden()


@pytest.mark.parametrize(("kind", "goes"), [("info", True), ("hint", False), ("error", False)])
def test_only_plain_information_goes_by_itself(bar: NoticeBar, kind: str, goes: bool) -> None:
    bar.show_notice(kind, "words")
    timers = [timer for timer in bar.findChildren(QTimer) if timer.isActive()]
    assert bool(timers) is goes
    for timer in timers:
        timer.timeout.emit()
    assert bar.isHidden() is goes


def test_information_replaced_by_an_error_does_not_take_the_error_away(bar: NoticeBar) -> None:
    bar.show_notice("info", "Exported a.png")
    bar.show_notice("error", "cannot write b.png")
    assert not [timer for timer in bar.findChildren(QTimer) if timer.isActive()]


@pytest.mark.parametrize("size", [QSize(800, 500), QSize(420, 400), QSize(2000, 900)])
@pytest.mark.parametrize("text", ["Short.", LONG])
def test_it_is_as_wide_as_its_place_with_all_its_words(
    bar: NoticeBar, host: QWidget, size: QSize, text: str
) -> None:
    bar.show_notice("error", text, "Show folder", "x")
    host.resize(size)
    QApplication.processEvents()
    assert bar.geometry().topLeft() == host.rect().topLeft()
    assert bar.width() == host.width()
    layout = bar.layout()
    assert layout is not None
    assert bar.height() >= layout.heightForWidth(bar.width())
    if text == "Short.":
        assert bar.height() <= 36


def test_it_takes_no_room_when_it_says_nothing(bar: NoticeBar, host: QWidget, qtbot: QtBot) -> None:
    below = QWidget()
    rows = host.layout()
    assert isinstance(rows, QVBoxLayout)
    rows.takeAt(1)
    rows.addWidget(below, 1)
    QApplication.processEvents()
    assert below.height() == host.height()
    bar.show_notice("hint", "Short.")
    QApplication.processEvents()
    assert below.height() < host.height() - 20
    with qtbot.waitSignal(bar.freed):
        bar.clear()
    QApplication.processEvents()
    assert below.height() == host.height()
    with qtbot.assertNotEmitted(bar.freed):
        bar.clear()


def test_words_are_never_taken_for_markup(bar: NoticeBar) -> None:
    bar.show_notice("error", "<b>bold</b>")
    assert bar.text == "<b>bold</b>"


def test_the_last_line_has_all_its_room(bar: NoticeBar) -> None:
    bar.show_notice("warning", LONG, "Input and output…")
    (words,) = (found for found in bar.findChildren(QLabel) if found.text() == LONG)
    QApplication.processEvents()
    bar.layout().activate()  # type: ignore[union-attr]
    assert words.height() >= words.heightForWidth(words.width())


@pytest.mark.parametrize(("width", "below"), [(320, True), (800, False)])
def test_a_narrow_notice_has_its_button_below_the_words(
    host: QWidget, bar: NoticeBar, width: int, below: bool
) -> None:
    host.resize(width, 500)
    QApplication.processEvents()
    bar.show_notice("hint", LONG, "Open that model")
    QApplication.processEvents()
    bar.layout().activate()  # type: ignore[union-attr]
    (words,) = (found for found in bar.findChildren(QLabel) if found.text() == LONG)
    assert (button(bar).y() >= words.geometry().bottom()) is below
    assert bar.rect().contains(button(bar).geometry())
    assert words.height() >= words.heightForWidth(words.width())
    assert words.width() > 200


NAME = "checkpoint_epoch_000123_best_of_all_accuracy_with_a_name_that_never_ends_<b>.pth"


@pytest.mark.parametrize("width", [240, 320, 420, 800])
@pytest.mark.parametrize("text", [LONG, f"{NAME} cannot be read", f"{NAME}: {LONG}"])
def test_the_button_is_never_cut(host: QWidget, bar: NoticeBar, width: int, text: str) -> None:
    host.resize(width, 500)
    QApplication.processEvents()
    bar.show_notice("warning", text, "Name the architecture…")
    QApplication.processEvents()
    bar.layout().activate()  # type: ignore[union-attr]
    assert button(bar).width() >= button(bar).sizeHint().width()
    for part in (button(bar), close(bar)):
        assert bar.rect().contains(part.geometry())
    assert not button(bar).geometry().intersects(close(bar).geometry())


def test_what_is_cut_can_be_read_as_a_tooltip(host: QWidget, bar: NoticeBar) -> None:
    host.resize(320, 500)
    QApplication.processEvents()
    bar.show_notice("error", f"{NAME} cannot be read")
    document = QTextDocument()
    document.setHtml(bar.toolTip())
    assert document.toPlainText() == f"{NAME} cannot be read"
    host.resize(1200, 500)
    QApplication.processEvents()
    assert bar.toolTip() == ""
    bar.show_notice("error", "b.png cannot be read")
    assert bar.toolTip() == ""
