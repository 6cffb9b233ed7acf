"""The one stack of what can be undone and redone: edits, closed images and cleared lists.

Qt's own stack, with functions in place of classes of commands. A step changes the state through the
controller that made it, so that undoing shows what doing shows.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

MOST_STEPS = 200
SOON_S = 1.0

Act = Callable[[], object]


class _Step(QUndoCommand):
    """A step; the first redo, which pushing it causes, is left out where it is done already.

    joins: steps with the same number that follow each other soon are one; -1 for none.
    """

    def __init__(self, words: str, do: Act, undo: Act, *, done: bool, joins: int) -> None:
        super().__init__(words)
        self._do, self._undo, self._done = do, undo, done
        self._joins, self._time = joins, time.monotonic()

    def id(self) -> int:
        return self._joins

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Step) or other._time - self._time > SOON_S:
            return False
        self._do, self._time = other._do, other._time
        return True

    def redo(self) -> None:
        done, self._done = self._done, False
        if not done:
            self._do()

    def undo(self) -> None:
        self._undo()


class History(QObject):
    """changed: there is something else to undo or to redo."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._stack = QUndoStack(self)
        self._stack.setUndoLimit(MOST_STEPS)
        # Not a lambda: the stack tells of its steps once more when both are destroyed.
        self._stack.indexChanged.connect(self._tell)

    def do(self, words: str, do: Act, undo: Act, *, done: bool = False, joins: str = "") -> None:
        """Do something that can be undone. words: what it does, such as 'hide region'. done: it is
        done already. joins: with the step before, if that is of the same name and not long ago."""
        number = zlib.crc32(joins.encode()) >> 1 if joins else -1
        self._stack.push(_Step(words, do, undo, done=done, joins=number))

    def undo(self) -> None:
        """Undo the last step that is done; none does nothing."""
        self._stack.undo()

    def redo(self) -> None:
        """Do the last step again that was undone; none does nothing."""
        self._stack.redo()

    @property
    def place(self) -> int:
        """How many steps are done."""
        return int(self._stack.index())

    @property
    def undo_words(self) -> str:
        """What undo would undo; '' for nothing."""
        return str(self._stack.undoText())

    @property
    def redo_words(self) -> str:
        """What redo would do again; '' for nothing."""
        return str(self._stack.redoText())

    @Slot(int)
    def _tell(self, _place: int) -> None:
        self.changed.emit()
