"""Escapes all text that goes into Qt widgets, so that names from files are shown as plain text.

Qt interprets a tooltip as rich text if it contains a tag, and loads the images it names; '&' in a
menu becomes a shortcut, a tab starts one, '[*]' in a title is removed. All text for widgets passes
through this module or gui/toolkit/labels.py (tests/gui/test_names_are_text.py).

Rich text is used in three places, always with content of the program itself: the guide
(gui/widgets/guide/page.py), the link to a licence (labels.LinkLabel), and tooltips made by tip().
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from PySide6.QtGui import Qt
from PySide6.QtWidgets import QInputDialog, QLabel

from engine import escaping

SHORT: Final = 60
"""Length limit of names where there is little room: field names, combo boxes, buttons."""

_TIP_WIDTH: Final = 120
_TIP_LINES: Final = 40
_KEPT: Final = 1_000
"""Longest text whose tooltip is kept, in characters."""

_MENU: Final = 80
_TITLE: Final = 300
_PARAGRAPH: Final = 2_000
_WORD: Final = re.compile(rf"[^\s/\\-]{{{SHORT + 1},}}")


def line(text: str, limit: int = escaping.NAME) -> str:
    """One line with invisible characters made visible; limit: in characters."""
    return escaping.plain(text, limit)


def paragraph(text: str, *, shorten: bool = True) -> str:
    """One or several lines. shorten: whether words too long to be wrapped lose their middle, so
    that they do not widen the window."""
    said = escaping.lines(text, _PARAGRAPH, _TIP_LINES)
    return _WORD.sub(lambda word: line(word[0], SHORT), said) if shorten else said


def report(text: str) -> str:
    """A long text of many lines."""
    return escaping.lines(text, most=2_000)


def tip(text: str) -> str:
    """A tooltip that Qt does not interpret as rich text; long lines are folded."""
    return _tip(text) if len(text) <= _KEPT else _tip.__wrapped__(text)


@lru_cache(maxsize=512)
def _tip(text: str) -> str:
    # The same ones are set again and again: of all methods, whenever a map arrives.
    lines = [part for whole in escaping.lines(text).split("\n") for part in _folded(whole)]
    if len(lines) > _TIP_LINES:
        lines[_TIP_LINES - 1 :] = ["…"]
    said = "\n".join(lines)
    # Only wrapped in a tag where necessary, so that all tooltips look the same.
    return f'<p style="white-space: pre">{markup(said)}</p>' if Qt.mightBeRichText(said) else said


def markup(text: str) -> str:
    """Text for a place inside rich text, with its special characters escaped."""
    # Not at the top: the first paint shows no rich text, and the module has a table of 2,231 names.
    from html import escape

    return escape(text)


def title(text: str) -> str:
    """The title of a window."""
    return line(text, _TITLE).replace("[*]", "[*][*]")


def entry(text: str) -> str:
    """The text of a menu entry or button, in which '&' makes no shortcut."""
    return line(text, _MENU).replace("&", "&&")


def ask(dialog: QInputDialog, question: str) -> None:
    """Set the question of an input dialog, whose label would interpret tags and '&'."""
    dialog.setLabelText("")
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)
    dialog.setLabelText(paragraph(question).replace("&", "&&"))


def file_name(text: str) -> str:
    """A file name with only characters that every file system accepts."""
    return "".join(c if c.isalnum() or c in " -_.#" else "_" for c in text).strip()


def _folded(text: str) -> Iterator[str]:
    if len(text) <= _TIP_WIDTH:
        yield text
        return
    yield from textwrap.wrap(text, _TIP_WIDTH, drop_whitespace=False, break_on_hyphens=False)
