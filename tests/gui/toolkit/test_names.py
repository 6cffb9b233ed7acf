"""Names where there is not room for all of them."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication

from gui.toolkit.names import elided_name


@pytest.fixture
def metrics(qapp: QApplication) -> QFontMetrics:
    return QFontMetrics(QFont())


@pytest.mark.parametrize("part", [0.45, 0.6, 0.8, 0.99])
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("holiday_in_the_mountains_0123.jpg", "0123"),
        ("holiday in the mountains 7.tiff", "7"),
        ("scan_of_a_long_series_00042_v", "00042"),
    ],
)
def test_the_number_stays(metrics: QFontMetrics, name: str, number: str, part: float) -> None:
    width = round(metrics.horizontalAdvance(name) * part)
    shown = elided_name(name, metrics, width)
    assert metrics.horizontalAdvance(shown) <= width
    assert number in shown
    assert shown[0] == name[0]
    assert "\u2026" in shown


def test_a_name_that_fits_is_whole(metrics: QFontMetrics) -> None:
    name = "img10.png"
    assert elided_name(name, metrics, metrics.horizontalAdvance(name)) == name


@pytest.mark.parametrize("name", ["a name without any number at all.png", "1" * 80 + ".png", ".x"])
def test_others_are_shortened_in_the_middle(metrics: QFontMetrics, name: str) -> None:
    for width in (10, 40, 90):
        shown = elided_name(name, metrics, width)
        assert metrics.horizontalAdvance(shown) <= max(width, metrics.horizontalAdvance("\u2026"))
    if metrics.horizontalAdvance(name) > 120:
        shown = elided_name(name, metrics, 120)
        assert shown[0] == name[0]
        assert "\u2026" in shown[1:]
