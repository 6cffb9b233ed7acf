"""The light and dark themes: palette, style sheet, icons and fonts from one set of colour tokens.

Everything is drawn by Qt's Fusion style with our palette; the style sheet adds only what a palette
cannot express. Custom-painted widgets read current() while painting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import Final, Literal

from PySide6.QtCore import QByteArray, QObject, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QColor,
    QFont,
    QGuiApplication,
    QIcon,
    QIconEngine,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from engine.paths import RESOURCES

Choice = Literal["system", "light", "dark"]

STYLE: Final = "Fusion"
STYLED: Final = (
    "hookscopeStyled"  # property of an application that has the style, as setting it takes 10 ms
)

SPACE: Final = 4
"""The grid of the layout, in logical pixels."""

ICONS: Final = RESOURCES / "icons"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme, each '#rrggbb'.

    window, panel, raised and canvas are surfaces; selection is the surface of a selected row.
    Every other colour but border has a WCAG contrast of at least 4.5 on window, panel and raised;
    accent_text is the text on accent, and text and text_dim are readable on selection as well.
    """

    window: str
    panel: str
    raised: str
    canvas: str
    text: str
    text_dim: str
    border: str
    accent: str
    accent_text: str
    selection: str
    warning: str
    error: str
    gain: str
    dark: bool


DARK: Final = Tokens(
    window="#1e1e1e",
    panel="#252525",
    raised="#303030",
    canvas="#181818",
    text="#e8e8e8",
    text_dim="#adadad",
    border="#3d3d3d",
    accent="#62b0ff",
    accent_text="#08192b",
    selection="#203b57",
    warning="#e8b955",
    error="#ff8f86",
    gain="#6fce84",
    dark=True,
)

LIGHT: Final = Tokens(
    window="#f3f3f3",
    panel="#fafafa",
    raised="#ffffff",
    canvas="#e6e6e6",
    text="#1c1c1c",
    text_dim="#5c5c5c",
    border="#d0d0d0",
    accent="#0b5fbe",
    accent_text="#ffffff",
    selection="#d3e5fa",
    warning="#7d5200",
    error="#b0221a",
    gain="#1a6b30",
    dark=False,
)


class _State(QObject):
    """The current theme; follows the system while the choice is 'system'."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = DARK
        self.choice: Choice = "system"
        self.connected = False

    @Slot()
    def follow(self) -> None:
        app = QApplication.instance()
        if self.choice == "system" and isinstance(app, QApplication):
            _show(app, _system_tokens())


_state = _State()


def current() -> Tokens:
    """The tokens of the current theme."""
    return _state.tokens


def choice() -> Choice:
    """The last argument of apply()."""
    return _state.choice


def apply(app: QApplication, choice: Choice) -> None:
    """Apply a theme to the application, and follow the system if choice is 'system'.

    If the system reports no preference, the theme is dark, as usual in image viewers.
    """
    _state.choice = choice
    hints = app.styleHints()
    if not _state.connected:
        hints.colorSchemeChanged.connect(_state.follow)
        _state.connected = True
    if choice == "system":
        hints.unsetColorScheme()
        _show(app, _system_tokens())
    else:
        dark = choice == "dark"
        hints.setColorScheme(Qt.ColorScheme.Dark if dark else Qt.ColorScheme.Light)
        _show(app, DARK if dark else LIGHT)


def icon(name: str) -> QIcon:
    """One of our own icons, in the text colour of the theme at the time of painting.

    Raises FileNotFoundError if resources/icons has no NAME.svg.
    """
    return QIcon(_TintedSvg(_source(name)))


def paint_icon(painter: QPainter, name: str, rect: QRect, colour: str) -> None:
    """Paint one of our own icons in a given colour, '#rrggbb'."""
    _renderer(_source(name), colour).render(painter, QRectF(rect))


def app_icon() -> QIcon:
    """The application icon."""
    return QIcon(str(ICONS / "hookscope.svg"))


def tabular(font: QFont) -> QFont:
    """A copy of font with tabular figures."""
    copy = QFont(font)
    copy.setFeature(QFont.Tag("tnum"), 1)
    return copy


def small(font: QFont) -> QFont:
    """A copy of font at 0.9 times its size, for secondary text."""
    copy = QFont(font)
    if font.pointSizeF() > 0:
        copy.setPointSizeF(font.pointSizeF() * 0.9)
    else:
        copy.setPixelSize(max(1, round(font.pixelSize() * 0.9)))
    return copy


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio of two '#rrggbb' colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.1 defines it, 0 to 1."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    c = QColor(colour)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def _system_tokens() -> Tokens:
    light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
    return LIGHT if light else DARK


def _show(app: QApplication, tokens: Tokens) -> None:
    _state.tokens = tokens
    if app.property(STYLED) is None:
        app.setStyle(STYLE)
        app.setProperty(STYLED, True)
    app.setPalette(palette(tokens))
    app.setStyleSheet(style_sheet(tokens))


def palette(tokens: Tokens) -> QPalette:
    """The QPalette of a theme."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.panel,
        role.AlternateBase: tokens.window,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.text_dim,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.accent_text,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.Light: tokens.raised,
        role.Midlight: tokens.raised,
        role.Mid: tokens.border,
        role.Dark: tokens.border,
        role.Shadow: tokens.canvas,
    }
    result = QPalette()
    for key, value in colours.items():
        result.setColor(key, QColor(value))
    disabled = QColor(tokens.text_dim)
    disabled.setAlpha(150)
    for key in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, key, disabled)
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(tokens.border))
    return result


def style_sheet(tokens: Tokens) -> str:
    """The style sheet of a theme: resources/theme.qss with its $names replaced by the tokens."""
    values = {name: getattr(tokens, name) for name in Tokens.__slots__ if name != "dark"}
    source = (RESOURCES / "theme.qss").read_text(encoding="utf-8")
    marks = ("mark-on-dark", "mark-on-light")
    mark, mark_accent = marks if tokens.dark else reversed(marks)
    return Template(source).substitute(
        values, icons=ICONS.as_posix(), mark=mark, mark_accent=mark_accent
    )


class _TintedSvg(QIconEngine):
    """Draws an SVG, with currentColor replaced by the text colour of the theme."""

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self._source = source

    def clone(self) -> QIconEngine:
        return _TintedSvg(self._source)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        tokens = current()
        colour = tokens.text
        if mode == QIcon.Mode.Disabled:
            colour = tokens.text_dim
            painter.setOpacity(0.5)
        elif state == QIcon.State.On:
            colour = tokens.accent
        _renderer(self._source, colour).render(painter, QRectF(rect))
        painter.setOpacity(1.0)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        result = QPixmap(size)
        result.fill(Qt.GlobalColor.transparent)
        painter = QPainter(result)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return result


@lru_cache(maxsize=128)
def _source(name: str) -> bytes:
    return (ICONS / f"{name}.svg").read_bytes()


@lru_cache(maxsize=256)
def _renderer(source: bytes, colour: str) -> QSvgRenderer:
    renderer = QSvgRenderer()
    renderer.load(QByteArray(source.replace(b"currentColor", colour.encode())))
    renderer.setAspectRatioMode(Qt.AspectRatioMode.KeepAspectRatio)
    return renderer
