"""Escapes text from files for display: every character visible, and no longer than fits.

A name from an untrusted file may contain anything: line breaks that forge log lines, escape
sequences that a terminal obeys, bidirectional controls that reorder text, invisible characters.
Such characters are escaped ('\\x1b', '\\u202e') only when they are displayed; the stored name stays
unchanged. Backslashes stay as they are, since Windows paths are full of them: the escaped text is
for reading, not for parsing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

NAME: Final = 500
"""Longest name that is displayed, in characters."""

LINE: Final = 2_000
"""Longest line in the terminal or the log, in characters."""

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Control, format, surrogate, private use, unassigned, line and paragraph separator.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Format characters that are visible: Arabic, Syriac and Kaithi number and text marks.
_SEEN: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# Letters, marks and symbols that render as blank.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS: Final = frozenset("\u200c\u200d")
# Signs that are shown as they are whatever stands beside them: Latin, dashes and quotation marks,
# arrows and operators. Looking at each sign takes a millisecond for a few lines.
_PLAIN: Final = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u22ff]*")
_MOST_MARKS: Final = 8
"""Most combining marks on one letter; a taller stack would cover the lines above."""


def plain(text: str, limit: int | None = NAME) -> str:
    """The text in one line, hidden characters escaped, its middle elided beyond limit.

    limit: in characters, None for no limit. Joiners stay where they join letters of Indic scripts,
    Persian words or the parts of an emoji, and so do variation selectors. plain() is idempotent.
    """
    if limit is not None and len(text) > 2 * limit:
        # Escaping never shortens text, so what lies between would be elided in any case.
        text = f"{text[:limit]}…{text[-limit:]}"
    if _PLAIN.fullmatch(text):
        return text if limit is None or len(text) <= limit else _without_middle(list(text), limit)
    return _plain(text, limit)


def lines(text: str, limit: int = LINE, most: int = 200) -> str:
    """The text with its line breaks, each line escaped by plain(); of many, the first and last."""
    parts = text.split("\n")
    if len(parts) > most:
        parts = [*parts[: most // 2], "…", *parts[-(most // 2) :]]
    return "\n".join(plain(part.removesuffix("\r"), limit) for part in parts)


def json_spelled(text: str) -> str:
    """JSON text with hidden characters as JSON escapes; it decodes to exactly the same values."""
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
    """Escape combining marks without a base letter, and those beyond _MOST_MARKS on one letter."""
    height = _MOST_MARKS
    for place, piece in enumerate(pieces):
        if len(piece) > 1 or unicodedata.category(piece)[0] != "M":
            height = 0
        elif height >= _MOST_MARKS:
            pieces[place] = _spelled(piece)
        else:
            height += 1


def _stands(text: str, place: int) -> bool:
    """Whether the character at that place can be shown as it is."""
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
    """Whether a joiner has a meaning beside this character: not ASCII, not punctuation."""
    if not neighbour or neighbour.isascii() or _hides(neighbour):
        return False
    return unicodedata.category(neighbour)[0] in "LMS"


def _chooses_form(sign: str) -> bool:
    """Whether this is a variation selector, which is invisible itself."""
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
