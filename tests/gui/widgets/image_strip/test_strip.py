"""The strip of images: choosing, stepping, errors, removing, many images."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QListView
from pytestqt.qtbot import QtBot

from gui.widgets.image_strip.model import StripModel
from gui.widgets.image_strip.strip import EMPTY, ImageStrip
from tests.work import python_calls


@pytest.fixture
def strip(qtbot: QtBot) -> ImageStrip:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.resize(500, strip.sizeHint().height())
    for number in range(4):
        strip.add(f"k{number}", f"image {number}.png")
    strip.select("k0")
    with qtbot.waitExposed(strip):
        strip.show()
    return strip


def view_of(strip: ImageStrip) -> QListView:
    view = strip.findChild(QListView)
    assert view is not None
    return view


def cell(strip: ImageStrip, row: int) -> QPoint:
    view = view_of(strip)
    return view.visualRect(view.model().index(row, 0)).center()


def heard(strip: ImageStrip) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    strip.image_chosen.connect(lambda key: told.append(("chosen", key)))
    strip.remove_requested.connect(lambda key: told.append(("remove", key)))
    return told


def test_empty_strip_invites_and_keeps_its_height(qtbot: QtBot) -> None:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.show()
    assert strip._empty.isVisible()
    assert strip._empty.text() == EMPTY
    height = strip.sizeHint().height()
    strip.add("a", "a.png")
    assert not strip._empty.isVisible()
    assert strip.sizeHint().height() == height
    assert strip.current() is None
    strip.remove("a")
    assert strip._empty.isVisible()
    assert strip.keys() == ()


def test_select_is_silent_and_keys_are_in_order(strip: ImageStrip) -> None:
    told = heard(strip)
    strip.select("k2")
    assert strip.current() == "k2"
    assert strip.keys() == ("k0", "k1", "k2", "k3")
    strip.select("unknown")
    assert strip.current() == "k2"
    assert told == []


def test_click_and_arrows_choose(strip: ImageStrip) -> None:
    told = heard(strip)
    view = view_of(strip)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=cell(strip, 1))
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert told == [("chosen", "k1"), ("chosen", "k2"), ("chosen", "k1")]


def test_step_stops_at_the_ends(strip: ImageStrip) -> None:
    told = heard(strip)
    strip.step(-1)
    strip.step(1)
    strip.step(10)
    strip.step(1)
    assert told == [("chosen", "k1"), ("chosen", "k3")]


def test_step_in_an_empty_strip(qtbot: QtBot) -> None:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.step(1)
    assert strip.current() is None


def test_delete_and_cross_only_ask(strip: ImageStrip) -> None:
    told = heard(strip)
    view = view_of(strip)
    strip.select("k1")
    QTest.keyClick(view, Qt.Key.Key_Delete)
    cross = strip._view._delegate.close_rect(view.visualRect(view.model().index(3, 0))).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=cross)
    assert told == [("remove", "k1"), ("remove", "k3")]
    assert strip.keys() == ("k0", "k1", "k2", "k3")
    assert strip.current() == "k1"


@pytest.mark.parametrize(
    ("current", "removed", "after"),
    [("k1", "k1", "k2"), ("k3", "k3", "k2"), ("k2", "k0", "k2"), ("k0", "k3", "k0")],
)
def test_removing_is_silent_and_leaves_a_neighbour(
    strip: ImageStrip, current: str, removed: str, after: str
) -> None:
    strip.select(current)
    told = heard(strip)
    strip.remove(removed)
    assert set(strip.keys()) == {"k0", "k1", "k2", "k3"} - {removed}
    assert strip.current() == after
    assert told == []


def test_a_key_is_added_once(strip: ImageStrip) -> None:
    with pytest.raises(ValueError, match="k0"):
        strip.add("k0", "again")


def test_an_error_is_a_badge_and_a_tooltip_until_a_picture_comes(strip: ImageStrip) -> None:
    index = view_of(strip).model().index(2, 0)
    strip.set_error("k2", "image 2.png is not an image")
    assert "is not an image" in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "is not an image" in index.data(Qt.ItemDataRole.AccessibleDescriptionRole)
    strip.set_thumbnail("k2", QImage(8, 8, QImage.Format.Format_RGB888))
    assert "is not an image" not in index.data(Qt.ItemDataRole.ToolTipRole)


def test_a_late_thumbnail_of_a_closed_image_is_ignored(strip: ImageStrip) -> None:
    strip.remove("k3")
    strip.set_thumbnail("k3", QImage(8, 8, QImage.Format.Format_RGB888))
    strip.set_error("k3", "late")
    assert strip.keys() == ("k0", "k1", "k2")


def test_the_thumbnail_is_painted(strip: ImageStrip) -> None:
    green = QImage(88, 64, QImage.Format.Format_RGB888)
    green.fill(QColor("#00ff00"))
    strip.set_thumbnail("k1", green)
    view = view_of(strip)
    rect = view.visualRect(view.model().index(1, 0))
    image = view.viewport().grab().toImage()
    assert image.pixelColor(rect.left() + 40, rect.top() + 30).name() == "#00ff00"


def test_the_wheel_scrolls_sideways(qtbot: QtBot, strip: ImageStrip) -> None:
    for number in range(20):
        strip.add(f"more{number}", "x.png")
    view = view_of(strip)
    strip.grab()
    bar = view.horizontalScrollBar()
    assert bar.maximum() > 0
    event = QWheelEvent(
        QPointF(50, 50),
        QPointF(50, 50),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)
    assert bar.value() == 120


def test_the_model_keeps_qts_rules(qtbot: QtBot) -> None:
    model = StripModel()
    tester = QAbstractItemModelTester(
        model, QAbstractItemModelTester.FailureReportingMode.Fatal, model
    )
    for number in range(5):
        model.add([(str(number), "name")])
    model.add([("a", "name"), ("b", "name")])
    model.add([])
    model.remove(2)
    model.update("1", error="bad")
    assert tester.model() is model
    assert [model.row_of(key) for key in ("0", "2", "3", "b")] == [0, None, 2, 5]
    with pytest.raises(ValueError, match="c"):
        model.add([("c", "name"), ("c", "name")])
    assert model.row_of("c") is None
    assert model.rowCount() == 6


def shown(qtbot: QtBot) -> ImageStrip:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.resize(800, 120)
    strip.show()
    return strip


def test_10000_images_come_at_once_or_one_by_one_in_linear_work(qtbot: QtBot) -> None:
    def work(count: int) -> int:
        strip = shown(qtbot)

        def add() -> None:
            strip.add_many([(f"a{number}", "x.png") for number in range(count)])
            for number in range(count):
                strip.add(f"b{number}", "x.png")
            strip.select(f"b{count - 1}")
            strip.grab()

        calls = python_calls(add)
        assert strip.keys()[count] == "b0"
        return calls

    small, large = work(2_500), work(10_000)
    assert large < 4.4 * small


def test_a_step_in_a_long_strip_is_no_more_work_than_in_a_short_one(qtbot: QtBot) -> None:
    def work(count: int) -> int:
        strip = shown(qtbot)
        strip.add_many([(str(number), f"{number}.png") for number in range(count)])
        picture = QImage(88, 64, QImage.Format.Format_RGB888)
        for number in range(count):
            strip.set_thumbnail(str(number), picture)
        strip.select(str(count - 1))
        strip.grab()

        def step() -> None:
            for _ in range(20):
                strip.step(-1)
            strip.grab()

        return python_calls(step)

    short, long = work(50), work(500)
    assert long < 1.1 * short
