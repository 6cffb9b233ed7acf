"""The door between texts and Qt: what a file says is shown as text, and does nothing.

Qt takes a tooltip for rich text where it finds a tag in it, and loads the pictures that it names;
'&' in a menu is a shortcut, a tab the beginning of one, '[*]' in a title is left out. Whatever is
put into a widget comes through here or through gui/toolkit/labels.py
(tests/gui/test_names_are_text.py).

Rich text there is in three places, and all of it is the program's own: the guide
(gui/widgets/guide/page.py), the link to a licence (labels.LinkLabel), and a tooltip that tip() has
made.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from html import escape
from typing import Final

from PySide6.QtGui import Qt
from PySide6.QtWidgets import QInputDialog, QLabel

from engine import escaping

SHORT: Final = 60
"""Characters of a name where little room is: in a field's name, a box of choices, a button."""

_TIP_WIDTH: Final = 120
_TIP_LINES: Final = 40
_MENU: Final = 80
_TITLE: Final = 300
_PARAGRAPH: Final = 2_000
_WORD: Final = re.compile(rf"[^\s/\\-]{{{SHORT + 1},}}")


def line(text: str, limit: int = escaping.NAME) -> str:
    """One line, with everything in sight; limit: in characters."""
    return escaping.plain(text, limit)


def paragraph(text: str, *, shorten: bool = True) -> str:
    """One or several lines. shorten: whether words that are too long to be wrapped lose their
    middle, so that they stretch no window."""
    said = escaping.lines(text, _PARAGRAPH, _TIP_LINES)
    return _WORD.sub(lambda word: line(word[0], SHORT), said) if shorten else said


def report(text: str) -> str:
    """A long text of many lines."""
    return escaping.lines(text, most=2_000)


def tip(text: str) -> str:
    """A tooltip that is not taken for rich text, long lines folded."""
    lines = [part for whole in escaping.lines(text).split("\n") for part in _folded(whole)]
    if len(lines) > _TIP_LINES:
        lines[_TIP_LINES - 1 :] = ["…"]
    said = "\n".join(lines)
    # Not wrapped where it need not be: this is how all others look.
    return f'<p style="white-space: pre">{escape(said)}</p>' if Qt.mightBeRichText(said) else said


def title(text: str) -> str:
    """A window's title."""
    return line(text, _TITLE).replace("[*]", "[*][*]")


def entry(text: str) -> str:
    """What stands in a menu or on a button: no letter of it becomes a shortcut."""
    return line(text, _MENU).replace("&", "&&")


def ask(dialog: QInputDialog, question: str) -> None:
    """Sets what a dialog asks: its label would take a tag for rich text, '&' for a shortcut."""
    dialog.setLabelText("")
    for label in dialog.findChildren(QLabel):
        label.setTextFormat(Qt.TextFormat.PlainText)
    dialog.setLabelText(paragraph(question).replace("&", "&&"))


def file_name(text: str) -> str:
    """A name for a file, in signs that every file system takes."""
    return "".join(c if c.isalnum() or c in " -_.#" else "_" for c in text).strip()


def _folded(text: str) -> Iterator[str]:
    if len(text) <= _TIP_WIDTH:
        yield text
        return
    yield from textwrap.wrap(text, _TIP_WIDTH, drop_whitespace=False, break_on_hyphens=False)
