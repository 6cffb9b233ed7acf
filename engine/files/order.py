"""The order of file names as people read them: img2 before img10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key for sorting: numbers by their value, the rest without regard to case.

    Names that differ in case or leading zeros alone still have an order of their own.
    """
    parts = _DIGITS.split(name)
    key = [
        (0, int(part), "") if number % 2 else (1, 0, part.casefold())
        for number, part in enumerate(parts)
        if part
    ]
    return (*key, (2, 0, name))
