"""Many whole numbers as a short text: '1-3,7'."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.errors import SessionError

MOST = 1_000_000
_MOST_LETTERS = 16 * MOST
_FORM = re.compile(r"(?:\d{1,18}(?:-\d{1,18})?(?:,(?!$)|$))*")


def spans_text(numbers: Iterable[int]) -> str:
    """Numbers of at least 0, whatever their order, as text; '' for none."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def numbers_in(text: str, name: str) -> tuple[int, ...]:
    """The numbers of a text of spans_text, in order. name: what an error calls them.

    Raises SessionError for another text, and for more than MOST numbers.
    """
    if len(text) > _MOST_LETTERS or not _FORM.fullmatch(text):
        raise SessionError(f"'{name}' must be numbers and ranges, such as '1-3,7'")
    ends = [part.split("-") for part in text.split(",") if part]
    ranges = [range(int(one[0]), int(one[-1]) + 1) for one in ends]
    if sum(map(len, ranges)) > MOST:
        raise SessionError(f"'{name}' must have at most {MOST:,} numbers")
    return tuple(sorted({number for one in ranges for number in one}))
