"""With a font half as large again no word is cut off at its top or bottom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication, QListView, QMainWindow, QToolButton, QTreeView
from pytestqt.qtbot import QtBot

from engine.records.models import LayerNode, Prediction
from gui.toolkit import theme
from gui.widgets.bars.notice_bar import NoticeBar
from gui.widgets.image_strip.model import THUMBNAIL
from gui.widgets.image_strip.strip import ImageStrip
from gui.widgets.layers.rows import Column
from gui.widgets.layers.tree import LayerTree
from gui.widgets.predictions.panel import PredictionPanel
from gui.window.actions import Actions
from gui.window.toolbar import Toolbar


@pytest.fixture(params=[1.0, 1.5, 2.0])
def font(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[QFont]:
    theme.apply(qapp, "dark")
    usual = qapp.font()
    larger = QFont(usual)
    larger.setPointSizeF(usual.pointSizeF() * request.param)
    qapp.setFont(larger)
    yield larger
    qapp.setFont(usual)


def high(font: QFont) -> int:
    return QFontMetrics(font).height()


def test_the_toolbar(qtbot: QtBot, font: QFont) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    bar = Toolbar(Actions(window))
    window.addToolBar(bar)
    with qtbot.waitExposed(window):
        window.show()
    for button in bar.buttons.values():
        assert isinstance(button, QToolButton)
        # Border and padding take three pixels.
        assert button.height() >= high(font) + 3


def test_the_tree(qtbot: QtBot, font: QFont) -> None:
    tree = LayerTree()
    qtbot.addWidget(tree)
    tree.set_layers((LayerNode("conv1", "Conv2d", (8, 4, 4), 1, 1, True, "", True),))
    tree.resize(520, 400)
    with qtbot.waitExposed(tree):
        tree.show()
    view = tree.findChild(QTreeView)
    assert isinstance(view, QTreeView)
    assert view.visualRect(view.model().index(0, 0)).height() >= high(font)
    header = view.header()
    assert header.height() >= high(font) + 4
    title = str(view.model().headerData(Column.MAP, Qt.Orientation.Horizontal))
    assert header.sectionSize(Column.MAP) >= QFontMetrics(font).horizontalAdvance(title) + 8


def test_the_predictions(qtbot: QtBot, font: QFont) -> None:
    panel = PredictionPanel()
    qtbot.addWidget(panel)
    panel.set_classes(("ring", "star"))
    panel.set_predictions((Prediction(0, "ring", 2.0, 0.8), Prediction(1, "star", 1.0, 0.2)))
    panel.resize(300, 500)
    with qtbot.waitExposed(panel):
        panel.show()
    rows = panel._list.visualRect(panel._list.model().index(0, 0)).height()
    assert rows >= high(font) + high(theme.small(font)) - 1
    panel._search.setText("r")
    assert panel._results.visualRect(panel._results.model().index(0, 0)).height() >= high(font)


def test_the_strip(qtbot: QtBot, font: QFont) -> None:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.add("a", "a.png")
    strip.resize(500, strip.sizeHint().height())
    with qtbot.waitExposed(strip):
        strip.show()
    view = strip.findChild(QListView)
    assert isinstance(view, QListView)
    cell = view.visualRect(view.model().index(0, 0))
    assert cell.height() >= THUMBNAIL.height() + high(theme.small(font))
    assert view.viewport().height() >= cell.height()


def test_the_notice(qtbot: QtBot, font: QFont) -> None:
    host = QMainWindow()
    qtbot.addWidget(host)
    host.resize(500, 400)
    bar = NoticeBar(host)
    with qtbot.waitExposed(host):
        host.show()
    bar.show_notice("hint", "Click another class: the map moves. " * 4)
    layout = bar.layout()
    assert layout is not None
    assert bar.height() >= layout.heightForWidth(bar.width())
