"""The bottom line: facts, work, stop and zoom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QProgressBar, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from engine.records.explanations import Explanation, Seconds
from engine.records.images import Region
from gui.toolkit import theme
from gui.widgets.bars.status_bar import StatusBar
from tests.explanations import explain


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication) -> StatusBar:
    theme.apply(qapp, "light")
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.resize(900, 28)
    with qtbot.waitExposed(bar):
        bar.show()
    return bar


def words(bar: StatusBar) -> list[str]:
    return [label.text() for label in bar.findChildren(QLabel) if label.isVisible()]


def progress(bar: StatusBar) -> QProgressBar:
    found = bar.findChild(QProgressBar)
    assert isinstance(found, QProgressBar)
    return found


def delay(bar: StatusBar) -> QTimer:
    found = bar.findChild(QTimer)
    assert isinstance(found, QTimer)
    return found


def explanation(forward: float, behind: float) -> Explanation:
    seconds, shape = Seconds(forward, behind), (2048, 7, 7)
    map, region = np.zeros((7, 7), np.float32), Region(0, 0, 10, 10)
    return explain(map, region, (10, 10), layer="layer4.1", shape=shape, seconds=seconds)


@pytest.mark.parametrize(
    ("forward", "behind", "times"),
    [
        (0.041, 0.0012, "forward 41 ms, map 1.2 ms"),
        (1.5, 0.01, "forward 1.50 s, map 10 ms"),
        (0.0, 0.0, "forward 0.0 ms, map 0.0 ms"),
    ],
)
def test_it_says_which_layer_of_which_shape_and_how_long_it_took(
    bar: StatusBar, forward: float, behind: float, times: str
) -> None:
    bar.show_explanation(explanation(forward, behind))
    assert f"layer4.1  ·  2048 × 7 × 7  ·  CPU: {times}" in words(bar)
    bar.show_explanation(None)
    assert "" in words(bar)


def test_short_work_does_not_flicker(bar: StatusBar) -> None:
    bar.set_work("Explaining layer4")
    assert not progress(bar).isVisible()
    assert delay(bar).isActive()
    bar.set_work("")
    assert not delay(bar).isActive()
    assert not progress(bar).isVisible()


def test_long_work_is_named_and_can_be_stopped(bar: StatusBar, qtbot: QtBot) -> None:
    bar.set_work("Computing the maps of all layers")
    delay(bar).timeout.emit()
    assert "Computing the maps of all layers" in words(bar)
    assert progress(bar).isVisible()
    stop = bar.findChild(QToolButton)
    assert isinstance(stop, QToolButton)
    assert stop.accessibleName() == "Stop"
    with qtbot.waitSignal(bar.stop_requested):
        QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
    bar.set_work("")
    assert not progress(bar).isVisible()
    assert "Computing the maps of all layers" not in words(bar)


def test_work_after_work_stays_on_the_screen(bar: StatusBar) -> None:
    bar.set_work("first")
    delay(bar).timeout.emit()
    bar.set_work("second")
    assert progress(bar).isVisible()
    assert "second" in words(bar)


def test_progress_that_nobody_knows_is_a_moving_bar(bar: StatusBar) -> None:
    bar.set_progress(0.0)
    assert (progress(bar).minimum(), progress(bar).maximum()) == (0, 0)
    bar.set_progress(0.25)
    assert progress(bar).value() == progress(bar).maximum() // 4
    bar.set_work("next")
    assert progress(bar).maximum() == 0


def test_zoom_in_percent(bar: StatusBar) -> None:
    bar.show_zoom(0.333)
    assert "33 %" in words(bar)


def test_nothing_moves_when_the_bar_fills(qtbot: QtBot) -> None:
    window, bar, picture = QMainWindow(), StatusBar(), QWidget()
    qtbot.addWidget(window)
    window.setStatusBar(bar)
    window.setCentralWidget(picture)
    window.resize(600, 300)
    with qtbot.waitExposed(window):
        window.show()
    before = picture.geometry()
    bar.show_explanation(explanation(1, 1))
    bar.set_work("work")
    delay(bar).timeout.emit()
    window.layout().activate()  # type: ignore[union-attr]
    assert picture.geometry() == before


def test_long_facts_shorten_themselves_and_the_tip_has_all_of_them(
    bar: StatusBar, qtbot: QtBot
) -> None:
    bar.set_work("work")
    bar.show_zoom(1.0)
    delay(bar).timeout.emit()
    narrow = bar.minimumSizeHint().width()
    bar.show_explanation(replace(explanation(1, 1), layer="encoder.block." * 30))
    layout = bar.layout()
    assert layout is not None
    layout.activate()
    assert bar.minimumSizeHint().width() == narrow
    facts = next(label for label in bar.findChildren(QLabel) if "encoder" in label.text())
    assert facts.toolTip().replace("\n", "") == facts.text()
    stop = bar.findChild(QToolButton)
    assert isinstance(stop, QToolButton)
    assert bar.rect().contains(stop.geometry())
    bar.show_message("The image is gone")
    assert facts.toolTip() == "The image is gone"
    bar.show_explanation(None)
    assert facts.toolTip() == ""


def test_a_long_name_is_shortened_and_told_whole(bar: StatusBar) -> None:
    title = f"Opening {'a_very_long_name_' * 12}.pth"
    bar.show_explanation(explanation(0.1, 0.1))
    bar.set_work(title)
    delay(bar).timeout.emit()
    (work,) = (
        found for found in bar.findChildren(QLabel) if found.toolTip().replace("\n", "") == title
    )
    assert work.width() <= 330
    assert work.text().startswith("Opening a_very")
    assert work.text().endswith(".pth")
    assert bar.minimumSizeHint().width() < 900
