"""Which part of the room each pane gets."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QSize

from gui.toolkit import theme

_NEAR = 1.15
# What is said above a pane is cut short in less.
_NARROW = 45 * theme.SPACE


def arrangement(count: int, room: QSize, head: int) -> tuple[int, int]:
    """Columns and rows for so many panes, so that a photograph gets the most of each; rather beside
    each other than below, where that is nearly as much and what is said above each can be read."""
    best = (1, count)
    most = -1.0
    near = 1.0
    for columns in range(count, 0, -1):
        rows = math.ceil(count / columns)
        if columns * rows - count >= columns:
            continue
        size = min(room.width() / columns / 4, (room.height() / rows - head) / 3)
        if size >= near * most:
            most, best = size, (columns, rows)
            near = _NEAR if room.width() / columns >= _NARROW else 1.0
    return best


def cells_of(count: int, room: QRect, head: int, over: int) -> list[QRect]:
    """The part of each pane with what is said above it, which is head pixels high. over: how many
    of the first share their room."""
    columns, rows = (count, 1) if over else arrangement(count, room.size(), head)
    found = []
    for place in range(count):
        row, column = divmod(place, columns)
        left, right = (room.width() * i // columns for i in (column, column + 1))
        top, bottom = (room.height() * i // rows for i in (row, row + 1))
        found.append(QRect(left, top, right - left, bottom - top))
    return found
