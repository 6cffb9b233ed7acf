"""What a lasso encloses, and a lasso that is drawn by keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYS = "Arrows move, Space sets a corner, Enter selects"
"""What is said of them."""

_MOST_CORNERS = 96
# How far an arrow key moves the cursor, as shares of the plot; with Shift, the smaller one.
_STEP, _SMALL_STEP = 0.05, 0.005
_Key = Qt.Key
ARROWS = {
    _Key.Key_Left: (-1, 0),
    _Key.Key_Right: (1, 0),
    _Key.Key_Up: (0, -1),
    _Key.Key_Down: (0, 1),
}
ENTER = (_Key.Key_Return, _Key.Key_Enter)
Share = tuple[float, float]


class KeyLasso:
    """A cursor and the corners that were set, as shares of the plot's width and height, from its
    upper left corner, so that they stay in place when its size changes."""

    def __init__(self) -> None:
        self.cursor: Share = (0.5, 0.5)
        self.corners: list[Share] = []

    def press(self, key: int, held: Qt.KeyboardModifier) -> bool:
        """Do what a key other than Enter says; whether it says anything.

        Arrows move the cursor, Space sets a corner there, Backspace takes the last one back,
        Escape all.
        """
        if key in ARROWS:
            step = _SMALL_STEP if held & Qt.KeyboardModifier.ShiftModifier else _STEP
            across, down = ARROWS[Qt.Key(key)]
            x, y = self.cursor[0] + step * across, self.cursor[1] + step * down
            self.cursor = min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
        elif key == _Key.Key_Space:
            if self.cursor not in self.corners[-1:]:
                self.corners.append(self.cursor)
        elif key == _Key.Key_Backspace and self.corners:
            self.corners.pop()
        elif key == _Key.Key_Escape and self.corners:
            self.corners = []
        else:
            return False
        return True

    def polygon(self) -> list[Share]:
        """The corners and the cursor; between two of them, a box."""
        found = self.corners if self.cursor in self.corners else [*self.corners, self.cursor]
        if len(found) == 2:
            (left, top), (right, bottom) = found
            return [(left, top), (right, top), (right, bottom), (left, bottom)]
        return list(found)


def within(points: NDArray[np.float64], corners: Sequence[QPointF]) -> NDArray[np.bool_]:
    """Which points (n, 2) are inside of a polygon, by the even-odd rule."""
    step = -(-len(corners) // _MOST_CORNERS)
    polygon = np.array([(corner.x(), corner.y()) for corner in corners[::step]])
    inside = np.zeros(len(points), bool)
    near = ((points >= polygon.min(axis=0)) & (points <= polygon.max(axis=0))).all(axis=1)
    x, y = points[near].T
    found = np.zeros(len(x), bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            found ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    inside[near] = found
    return inside
