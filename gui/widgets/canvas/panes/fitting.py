"""What tells a pane from the others, in as much room as there is above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

WIDE, NARROW = "  ·  ", " · "
"""What stands between the parts of a line, and in a line without room."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a line says. short: the same where there is little room. ends: whether its end
    says as much as its beginning, as that of a file or layer does, and a word's does not."""

    text: str
    short: str = ""
    ends: bool = True

    @property
    def least(self) -> str:
        """The shortest form in which nothing is left out."""
        return self.short or self.text


def fitted(parts: Sequence[Part], room: int, metrics: QFontMetrics) -> str:
    """All parts in a line of so many pixels: as they are, or in their short forms, or the longest
    of them with their middles or ends left out, so that each can be told from the others."""
    whole = WIDE.join(part.text for part in parts)
    if metrics.horizontalAdvance(whole) <= room:
        return whole
    texts = [part.least for part in parts]
    wanted, widths = _shares(texts, room, metrics)
    middle, right = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
    # Whole pixels: elided to its own width, a text might lose a letter to the rounding.
    return NARROW.join(
        part.least
        if width >= full
        else metrics.elidedText(part.least, middle if part.ends else right, width)
        for part, full, width in zip(parts, wanted, widths, strict=True)
    )


def crowded(parts: Sequence[Part], room: int, metrics: QFontMetrics) -> bool:
    """Whether several parts do not fit a line of so many pixels even in their short forms."""
    line = NARROW.join(part.least for part in parts)
    return len(parts) > 1 and metrics.horizontalAdvance(line) > room


def in_two(parts: Sequence[Part], room: int, metrics: QFontMetrics) -> tuple[str, str]:
    """All parts in two lines of so many pixels, divided where what has to be shortened keeps the
    most: of a long name, a part says more than of a short one."""

    def least(cut: int) -> tuple[int, int]:
        lines = [[part.least for part in line] for line in (parts[:cut], parts[cut:])]
        shares = [_shares(line, room, metrics) for line in lines]
        kept = [w for full, own in shares for f, w in zip(full, own, strict=True) if w < f]
        return min(kept, default=room), -max(sum(full) for full, _ in shares)

    cut = max(range(1, len(parts)), key=least)
    return fitted(parts[:cut], room, metrics), fitted(parts[cut:], room, metrics)


def _shares(texts: Sequence[str], room: int, metrics: QFontMetrics) -> tuple[list[int], list[int]]:
    """How wide each part of a line would be, and is: as it would where that is no more than what
    the others leave it."""
    wanted = [metrics.horizontalAdvance(text) for text in texts]
    left = len(texts)
    room = max(0, room - metrics.horizontalAdvance(NARROW) * (left - 1))
    given = [0] * left
    for place in sorted(range(left), key=lambda place: wanted[place]):
        given[place] = min(wanted[place], room // left)
        room -= given[place]
        left -= 1
    return wanted, given
