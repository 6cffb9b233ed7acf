"""The order of file names as people read them: img2 before img10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")


Key = tuple[tuple[tuple[int, int, str], ...], str]


def natural(name: str) -> Key:
    """A key for sorting: numbers by their value, the rest without regard to case, 'a' before 'a 1'.

    Names that differ in case or leading zeros alone still have an order of their own.
    """
    stem, _, suffix = name.rpartition(".")
    parts = _DIGITS.split(stem or suffix)
    key = (
        (0, int(part), "") if number % 2 else (1, 0, part.casefold())
        for number, part in enumerate(parts)
        if part
    )
    return tuple(key), name
