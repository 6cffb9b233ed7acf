"""What a row of the panel says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """One row.

    id: what is reported when it is chosen. title and note: its name, and what is set otherwise than
    by default. line: what it is good for. cost: in a few words, at the right. reason: why it cannot
    be had, in place of line and cost; '' if it can. section: the heading above it; '' for none.
    chosen: it is in use. more: the words of a link in the row ('Options…'); '' for none. leads: a
    click on the row is one on its link. key: one that chooses it, at the left. words: what a search
    finds it by, beside title and line. tip: all there is to say.
    """

    id: str
    title: str
    line: str = ""
    cost: str = ""
    reason: str = ""
    section: str = ""
    chosen: bool = False
    more: str = ""
    leads: bool = False
    key: str = ""
    note: str = ""
    words: str = ""
    tip: str = ""


def sought(rows: Sequence[Choice], text: str) -> list[Choice]:
    """The rows that have every word of the text, in any case of letters, with or without hyphens.

    Each id once: where a row is repeated, the last one.
    """
    last = {row.id: row for row in rows}
    words = text.casefold().split()
    return [row for row in rows if last[row.id] is row and _has(row, words)]


def best(rows: Sequence[Choice], text: str) -> int:
    """The place of the row that Enter takes after a search, -1 for none.

    The first whose title begins with the text; or one with a word of its title that does; or the
    first that can be had.
    """
    had = [place for place, row in enumerate(rows) if not row.reason]
    wanted = _plain(text)
    for begins in (_begins, _has_word):
        found = next((place for place in had if begins(rows[place], wanted)), None)
        if found is not None:
            return found
    return had[0] if had else -1


def _has(row: Choice, words: Sequence[str]) -> bool:
    whole = f"{row.title} {row.words} {row.line}".casefold()
    bare = _plain(f"{row.title} {row.words}")
    return all(word in whole or _plain(word) in bare for word in words)


def _begins(row: Choice, wanted: str) -> bool:
    return _plain(row.title).startswith(wanted)


def _has_word(row: Choice, wanted: str) -> bool:
    return any(_plain(word).startswith(wanted) for word in f"{row.title} {row.words}".split())


def _plain(text: str) -> str:
    """Letters and digits alone, so that 'gradcam' finds 'Grad-CAM'."""
    return "".join(c for c in text.casefold() if c.isalnum() or c == "+")
