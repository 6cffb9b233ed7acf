"""File names where there is not room for all of them."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

_DOTS: Final = "\u2026"
_LEAST_HEAD: Final = 1
_NUMBER = re.compile(r"\d+[^\d]{0,4}$")


def elided_name(name: str, metrics: QFontMetrics, width: int) -> str:
    """The name shortened in the middle, so that the number at its end stays: 'holi\u20260123.jpg'.

    The suffix goes before the number does. A name without a number is shortened in the middle.
    """
    if metrics.horizontalAdvance(name) <= width:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    number = _NUMBER.search(stem)
    if number is not None:
        for tail in (f"{number.group()}{dot}{suffix}", number.group()):
            head = _head(stem[: number.start()], _DOTS + tail, metrics, width)
            if head:
                return f"{head}{_DOTS}{tail}"
    return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, width)


def _head(text: str, after: str, metrics: QFontMetrics, width: int) -> str:
    """As much of the start as fits before what follows it; '' for none."""
    for count in range(len(text), _LEAST_HEAD - 1, -1):
        if metrics.horizontalAdvance(text[:count] + after) <= width:
            return text[:count]
    return ""
