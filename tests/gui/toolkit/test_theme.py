"""The looks: contrast of every pair of colours by an independent formula, icons, switching."""

from __future__ import annotations

from itertools import product

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QIcon, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.toolkit import theme

LOOKS = {"dark": theme.DARK, "light": theme.LIGHT}
SURFACES = ("window", "panel", "raised")
TEXTS = ("text", "text_dim", "accent", "warning", "error")


def luminance(colour: str) -> float:
    """WCAG 2.1, from the hex digits alone."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def ratio(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("look", "text", "surface"), list(product(LOOKS, TEXTS, SURFACES)))
def test_every_text_is_readable_on_every_surface(look: str, text: str, surface: str) -> None:
    tokens = LOOKS[look]
    assert ratio(getattr(tokens, text), getattr(tokens, surface)) >= 4.5


@pytest.mark.parametrize("look", LOOKS)
def test_text_on_accent_and_on_selected_rows(look: str) -> None:
    tokens = LOOKS[look]
    assert ratio(tokens.accent_text, tokens.accent) >= 4.5
    assert ratio(tokens.text, tokens.selection) >= 4.5
    assert ratio(tokens.text_dim, tokens.selection) >= 4.5
    assert ratio(tokens.accent, tokens.selection) >= 4.5


@pytest.mark.parametrize("look", LOOKS)
def test_the_surround_of_the_picture_has_no_tint(look: str) -> None:
    tokens = LOOKS[look]
    for name in ("window", "panel", "raised", "canvas", "text", "text_dim", "border"):
        value = getattr(tokens, name)
        assert value[1:3] == value[3:5] == value[5:7], name


def test_the_shipped_formula_agrees_with_the_reference() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(ratio("#777777", "#ffffff"), 1e-4)


def test_switching_changes_palette_and_style_sheet(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    assert theme.current() is theme.LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == theme.LIGHT.window
    assert theme.LIGHT.accent in qapp.styleSheet()
    theme.apply(qapp, "dark")
    assert theme.current() is theme.DARK
    assert theme.choice() == "dark"
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == theme.DARK.window


def test_the_system_is_followed_only_while_asked_for(
    qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = [theme.DARK]
    monkeypatch.setattr(theme, "_system_tokens", lambda: system[0])
    theme.apply(qapp, "system")
    assert theme.current() is theme.DARK
    system[0] = theme.LIGHT
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.current() is theme.LIGHT
    theme.apply(qapp, "dark")
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.current() is theme.DARK


def test_icons_take_the_colour_of_the_look(qtbot: QtBot, qapp: QApplication) -> None:
    icon = theme.icon("open-image")
    colours = {}
    for choice in ("light", "dark"):
        theme.apply(qapp, choice)
        image = icon.pixmap(QSize(32, 32)).toImage()
        opaque = [
            image.pixelColor(x, y)
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).alpha() == 255
        ]
        assert opaque
        colours[choice] = max(c.lightness() for c in opaque)
    assert colours["light"] < 100 < colours["dark"]


def test_every_icon_file_draws_something(qtbot: QtBot, qapp: QApplication) -> None:
    names = sorted(p.stem for p in theme.ICONS.glob("*.svg"))
    assert "hookscope" in names
    for name in names:
        image = QIcon(theme.icon(name)).pixmap(QSize(24, 24)).toImage()
        assert any(
            image.pixelColor(x, y).alpha() > 128
            for x in range(image.width())
            for y in range(image.height())
        ), name


def test_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        theme.icon("no-such-icon")


def test_small_and_tabular_fonts(qapp: QApplication) -> None:
    font = QFont(qapp.font())
    font.setPointSizeF(10.0)
    assert theme.small(font).pointSizeF() == pytest.approx(9.0)
    font.setPixelSize(20)
    assert theme.small(font).pixelSize() == 18
    metrics = QFontMetricsF(theme.tabular(qapp.font()))
    assert metrics.horizontalAdvance("1111") == pytest.approx(metrics.horizontalAdvance("0000"))
