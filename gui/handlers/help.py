"""Handles the Help menu: user guide, shortcuts, installation check, log and About."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from shiboken6 import isValid

from engine.paths import GUIDE
from engine.process import logs
from engine.version import VERSION
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit.windows import bring_to_front, not_shown, show_file
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

    from gui.diagnostics.setup_check import Checkup
    from gui.diagnostics.walkthrough import Walked
    from gui.widgets.guide.window import GuideWindow


class Help(QObject):
    """Handles the actions of the Help menu.

    second: creates another program in this process, with the settings of a given store.
    """

    def __init__(
        self,
        window: MainWindow,
        state: State,
        settings: Settings,
        second: Callable[[QSettings], Walked],
    ) -> None:
        super().__init__(window)
        self._second = second
        self._settings = settings
        self._checkup: Checkup | None = None
        self._guide: GuideWindow | None = None
        self._window = window
        self._state = state
        window.actions_by_id.connect(
            {
                "guide": self.open_guide,
                "shortcuts": self.show_shortcuts,
                "check": self.check,
                "open_log": self.open_log,
                "about": self.show_about,
            }
        )

    def open_guide(self) -> None:
        from gui.widgets.guide.window import GuideWindow

        # A closed guide is hidden until Qt deletes it a moment later.
        if self._guide is None or self._guide.isHidden():
            try:
                self._guide = GuideWindow(GUIDE)
            except OSError as error:
                self._state.notify(
                    NoticeKind.ERROR, f"The guide is missing; reinstall the program: {error}"
                )
                return
            self._guide.destroyed.connect(self._forget_guide)
            self._window.closing.connect(self._guide.close)
        bring_to_front(self._guide)

    def _forget_guide(self) -> None:
        # Another one may have been opened since.
        if self._guide is not None and not isValid(self._guide):
            self._guide = None

    def open_log(self) -> None:
        folder = logs.log_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._state.notify(
                NoticeKind.ERROR,
                f"Cannot create the log folder {folder}: {error.strerror or error}. "
                "The program works without a log.",
            )
            return
        if not show_file(folder):
            self._state.notify(NoticeKind.WARNING, not_shown(folder))

    def check(self) -> None:
        from gui.diagnostics.setup_check import Checkup

        if self._checkup is None:
            self._checkup = Checkup(self._window, self._state, self._settings, self._second)
        self._checkup.show()

    def show_shortcuts(self) -> None:
        from gui.widgets.dialogs.small import ShortcutsDialog
        from gui.window.commands.table import shortcut_rows

        ShortcutsDialog(shortcut_rows(), self._window).open()

    def show_about(self) -> None:
        from gui.diagnostics.report import facts
        from gui.widgets.dialogs.small import AboutDialog

        AboutDialog(VERSION, facts(self._state), self._window).open()
