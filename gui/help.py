"""The Help menu: the guide, the keys, the log, the versions."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from engine import logs
from engine.paths import ROOT
from engine.version import VERSION
from gui.main_window import MainWindow
from gui.state import NoticeKind, State


class Help(QObject):
    """Answers the Help menu."""

    def __init__(self, window: MainWindow, state: State) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        window.actions_by_id.connect(
            {
                "guide": self.open_guide,
                "shortcuts": self.show_shortcuts,
                "open_log": self.open_log,
                "about": self.show_about,
            }
        )

    def open_guide(self) -> None:
        show_file(ROOT / "docs" / "guide.md", self._state)

    def open_log(self) -> None:
        folder = logs.log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        show_file(folder, self._state)

    def show_shortcuts(self) -> None:
        from gui.action_table import shortcut_rows
        from gui.dialogs import ShortcutsDialog

        ShortcutsDialog(shortcut_rows(), self._window).open()

    def show_about(self) -> None:
        from gui.dialogs import AboutDialog
        from gui.facts import facts

        AboutDialog(VERSION, facts(self._state), self._window).open()


def show_file(path: Path, state: State) -> None:
    """Hand a file or folder to the program that the system has for it."""
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        state.notify(NoticeKind.WARNING, f"No program opens it here; it is in {path}")
