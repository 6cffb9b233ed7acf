"""Text that a spreadsheet would run as a formula when it opens a CSV file."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_STARTS = ("=", "+", "-", "@", "\t", "\r")


def is_one(text: str) -> bool:
    """Whether a cell may be taken for a formula; a number is none."""
    return text.startswith(_STARTS) and not _NUMBER.fullmatch(text)


def without_mark(text: str) -> str:
    """A cell without the apostrophe that keeps it from being one."""
    return text[1:] if text[:1] == "'" and is_one(text[1:]) else text
