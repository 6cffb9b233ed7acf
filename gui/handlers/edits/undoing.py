"""Undo and redo in the menu, with the words of what they would do."""

from __future__ import annotations

from PySide6.QtCore import QObject

from gui.controllers.edits.editing import Editor
from gui.controllers.undo.history import History
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow


class Undoing(QObject):
    """Connects the commands 'undo' and 'redo'."""

    def __init__(self, window: MainWindow, state: State, history: History, editor: Editor) -> None:
        super().__init__(window)
        self._editor = editor
        self._tool = window.edit_tool
        self._actions = window.actions_by_id
        self._history = history
        self._actions.connect({"undo": self._undo, "redo": history.redo})
        for changed in (history.changed, editor.drafted, state.edits_changed):
            changed.connect(self._show)
        self._show()

    def _undo(self) -> None:
        """What is being drawn is the first to go."""
        if not self._tool.give_up():
            self._history.undo()

    def _show(self, _changed: object = None) -> None:
        history = self._history
        for id, title, words in (
            ("undo", "Undo", history.undo_words),
            ("redo", "Redo", history.redo_words),
        ):
            action = self._actions[id]
            action.setText(plain_text.entry(f"{title}: {words}" if words else title))
            action.setEnabled(bool(words) or (id == "undo" and self._editor.drafting))
