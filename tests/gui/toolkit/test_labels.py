"""Shared labels: long text gives way to its neighbours and is whole in the tooltip."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.toolkit.labels import ElidedLabel, label


def test_long_text_never_widens_its_panel_and_is_in_the_tooltip(qtbot: QtBot) -> None:
    panel = QWidget()
    qtbot.addWidget(panel)
    box = QHBoxLayout(panel)
    box.addWidget(label("Header", "header"))
    text = ElidedLabel("dim")
    box.addWidget(text)
    narrow = panel.minimumSizeHint().width()
    text.show_text("word " * 200)
    assert panel.minimumSizeHint().width() == narrow
    panel.resize(200, 30)
    panel.show()
    assert text.toolTip().replace("\n", "") == "word " * 200
    drawn = text.grab().toImage()
    ground = drawn.pixelColor(QPoint(0, 0))
    assert any(drawn.pixelColor(x, drawn.height() // 2) != ground for x in range(drawn.width()))


def test_text_is_never_taken_for_markup(qtbot: QtBot) -> None:
    plain = label("<b>x</b>")
    qtbot.addWidget(plain)
    wide = label("x")
    qtbot.addWidget(wide)
    assert plain.sizeHint().width() > wide.sizeHint().width()
