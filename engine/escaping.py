"""Escapes text from files for display: every character visible, and no more than fits.

A name from a stranger's file may hold anything: line breaks that forge a line of the log, escape
sequences that a terminal obeys, marks that turn the order of what is read, letters nobody sees.
Here such characters become the words for them ('\\x1b', '\\u202e'), at the moment of showing; what
names a thing keeps its name. A backslash stays as it is, for paths of Windows have many: the words
are for eyes, not to be read back.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

NAME: Final = 500
"""How many characters of a name are shown."""

LINE: Final = 2_000
"""How many characters a line of the terminal or the log has."""

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Controls, formats, halves of characters, private use, no character at all, separators of lines.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Formats that can be seen: signs over and under the digits of Arabic, Syriac and Kaithi.
_SEEN: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Letters, marks and symbols that take part in a text and are never seen.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS: Final = frozenset("\u200c\u200d")
_MOST_MARKS: Final = 8
"""Marks that may stand on one letter; a tower of them would cover the lines above."""


def plain(text: str, limit: int | None = NAME) -> str:
    """The text in one line, hidden characters spelled out, its middle left out beyond limit.

    limit: in characters, None for all of it. Joiners stay where they join letters of Indic scripts,
    Persian words or the parts of an emoji, and so do the marks that choose a letter's form. What
    plain() gave stays as it is.
    """
    if limit is not None and len(text) > 2 * limit:
        # Nothing gets shorter by being spelled: what lies between cannot be in sight.
        text = f"{text[:limit]}…{text[-limit:]}"
    if text.isascii() and text.isprintable():
        return text if limit is None or len(text) <= limit else _without_middle(list(text), limit)
    return _plain(text, limit)


def lines(text: str, limit: int = LINE, most: int = 200) -> str:
    """The text with its line breaks, each line as plain() has it; of many, the first and last."""
    parts = text.split("\n")
    if len(parts) > most:
        parts = [*parts[: most // 2], "…", *parts[-(most // 2) :]]
    return "\n".join(plain(part.removesuffix("\r"), limit) for part in parts)


def json_spelled(text: str) -> str:
    """JSON text with hidden characters in JSON's own spelling; it says exactly what it said."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(_in_json(sign) if ord(sign) > 0x7E and _hides(sign) else sign for sign in text)


@lru_cache(maxsize=1024)
def _plain(text: str, limit: int | None) -> str:
    pieces = [sign if _stands(text, place) else _spelled(sign) for place, sign in enumerate(text)]
    _fell(pieces)
    if limit is None or sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    return _without_middle(pieces, limit)


def _without_middle(pieces: list[str], limit: int) -> str:
    """Whole pieces from both ends with '…' between them, limit characters at most."""
    head, tail = limit // 2, (limit - 1) // 2
    first, last = 0, len(pieces)
    while first < last and len(pieces[first]) <= head:
        head -= len(pieces[first])
        first += 1
    while last > first and len(pieces[last - 1]) <= tail:
        tail -= len(pieces[last - 1])
        last -= 1
    return f"{''.join(pieces[:first])}…{''.join(pieces[last:])}"


def _fell(pieces: list[str]) -> None:
    """Spell the marks that stand on nothing, and those of a tower that is too high."""
    height = _MOST_MARKS
    for place, piece in enumerate(pieces):
        if len(piece) > 1 or unicodedata.category(piece)[0] != "M":
            height = 0
        elif height >= _MOST_MARKS:
            pieces[place] = _spelled(piece)
        else:
            height += 1


def _stands(text: str, place: int) -> bool:
    """Whether the character of that place can be seen as it is."""
    sign = text[place]
    if sign in _JOINERS:
        return _joins(text[place - 1 : place]) and _joins(text[place + 1 : place + 2])
    if _chooses_form(sign):
        return place > 0 and not _chooses_form(text[place - 1])
    return not _hides(sign)


def _hides(sign: str) -> bool:
    if sign in _BLANK:
        return True
    return unicodedata.category(sign) in _HIDDEN and sign not in _SEEN


def _joins(neighbour: str) -> bool:
    """Whether a joiner means something beside it: no letter of ours, no sign of punctuation."""
    if not neighbour or neighbour.isascii() or _hides(neighbour):
        return False
    return unicodedata.category(neighbour)[0] in "LMS"


def _chooses_form(sign: str) -> bool:
    """Variation selectors, which are not seen themselves."""
    return (
        "\ufe00" <= sign <= "\ufe0f"
        or "\U000e0100" <= sign <= "\U000e01ef"
        or ("\u180b" <= sign <= "\u180f" and sign != "\u180e")
    )


def _spelled(sign: str) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    code = ord(sign)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))
