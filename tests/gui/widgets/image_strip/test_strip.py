"""The strip of images: choosing, stepping, errors, removing, many images."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QImage, QWheelEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QLabel, QListView, QToolButton
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


def test_what_is_new_is_marked_until_it_is_looked_at(strip: ImageStrip, qtbot: QtBot) -> None:
    told = heard(strip)
    strip.select("k0")
    bare = strip.grab().toImage()
    strip.mark_new(["k2", "k3"])
    assert "2 new" in words_of(strip)
    assert strip.grab().toImage() != bare
    strip.select("k3")
    assert "1 new" in words_of(strip)
    # Another folder: what was new before is not any more.
    strip.mark_new(["k1"])
    assert "1 new" in words_of(strip)
    strip.remove("k1")
    assert "new" not in words_of(strip)
    assert told == []


def words_of(strip: ImageStrip) -> str:
    return " ".join(label.text() for label in strip.findChildren(QLabel))


@pytest.mark.parametrize("folded", [True, False])
def test_the_first_new_image_comes_into_view(strip: ImageStrip, folded: bool) -> None:
    strip.set_folded(folded)
    for number in range(60):
        strip.add(f"more{number}", f"img{number}.png")
    strip.select("k0")
    strip.mark_new([f"more{number}" for number in range(30, 60)])
    view = view_of(strip)
    row = strip.keys().index("more30")
    place = view.visualRect(view.model().index(row, 0))
    assert view.viewport().rect().contains(place.center())
    # With as many of those after it as there is room for.
    assert place.left() < 2 * place.width()


def test_a_fold_is_one_line_with_every_image_in_it(strip: ImageStrip, qtbot: QtBot) -> None:
    high = strip.height()
    with qtbot.waitSignal(strip.folded_changed) as changed:
        strip.set_folded(True)
    assert changed.args == [True]
    QApplication.processEvents()
    assert strip.sizeHint().height() <= 32 < high
    view = view_of(strip)
    told = heard(strip)
    for row in (1, 3):
        place = view.visualRect(view.model().index(row, 0))
        assert place.height() <= 32
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert told == [("chosen", "k1"), ("chosen", "k3")]
    cross = strip._view._delegate.close_rect(view.visualRect(view.model().index(2, 0))).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=cross)
    assert told[2:] == [("remove", "k2")]
    (fold,) = [b for b in strip.findChildren(QToolButton) if b.isVisible()]
    with qtbot.waitSignal(strip.fold_asked) as asked:
        fold.click()
    assert asked.args == [False]


def test_the_tooltip_tells_the_folder(strip: ImageStrip) -> None:
    strip.add("other", "img1.png", "/pictures/<b>holiday</b>")
    index = view_of(strip).model().index(4, 0)
    tip = index.data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "img1.png\n/pictures/<b>holiday</b>"


def test_the_menu_is_asked_for_an_image_that_is_not_shown(strip: ImageStrip, qtbot: QtBot) -> None:
    strip.select("k0")
    told = heard(strip)
    view = view_of(strip)
    place = view.visualRect(view.model().index(2, 0)).center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.RightButton, pos=place)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.mapToGlobal(place))
    with qtbot.waitSignal(strip.menu_wanted) as wanted:
        QApplication.sendEvent(view.viewport(), event)
    assert wanted.args[0] == "k2"
    assert strip.current() == "k0"
    assert told == []
