"""Handles saving and opening sessions: dialogs, recent files, and what is missing in one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from engine.files import suffixes
from engine.keeping.records import KeptFile
from gui.controllers.controller import Controller
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import USE_OWN, USE_THEIRS
from gui.state.state import State
from gui.toolkit import plain_text
from gui.widgets.sessions.missing import MissingDialog
from gui.window.main_window import MainWindow

_FIRST_NAME = "session"


class SessionOpener(QObject):
    """Asks for session files and passes them to the controller."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._settings = settings
        self._sessions = sessions = controller.sessions
        self._missing: MissingDialog | None = None
        sessions.missing.changed.connect(self._show_missing)
        sessions.saved.connect(self._saved)
        window.actions_by_id.connect(
            {
                "save_session": self.save,
                "save_session_as": self.save_as,
                "open_session": self.ask,
                "previous_session": sessions.go_back,
            }
        )
        window.actions_by_id["restore"].triggered.connect(
            lambda on: settings.set(table.RESTORE, on)
        )
        window.notice.acted.connect(self._acted)
        settings.changed.connect(self._setting_changed)
        sessions.settled.connect(self._show_actions)
        self._show_recent()
        self._show_actions()

    def save(self) -> None:
        """Save the session in its file, or ask for one."""
        if self._state.session is not None:
            self._sessions.save(self._state.session)
        else:
            self.save_as()

    def save_as(self) -> None:
        """Ask for a file, and save the session in it."""
        from gui.file_dialogs import SESSIONS_FILTER, save_dialog

        known = self._state.session
        place = known or f"{self._name()}{suffixes.SESSION}"
        dialog = save_dialog(self._window, "Save session", place, SESSIONS_FILTER, self._settings)
        dialog.setDefaultSuffix(suffixes.SESSION.removeprefix("."))
        dialog.fileSelected.connect(lambda name: self._sessions.save(_suffixed(Path(name))))
        dialog.open()

    def _name(self) -> str:
        """A name for a session: that of the folder of its first image."""
        for image in self._state.images.values():
            if image.path is not None and image.scene is None and image.path.parent.name:
                return plain_text.file_name(image.path.parent.name) or _FIRST_NAME
        return _FIRST_NAME

    def ask(self) -> None:
        """Ask for a session, and open it."""
        from gui.file_dialogs import SESSIONS_FILTER, open_dialog

        dialog = open_dialog(self._window, "Open session", self._settings, SESSIONS_FILTER)
        dialog.fileSelected.connect(lambda name: self._sessions.open(Path(name)))
        dialog.open()

    def _saved(self, path: Path) -> None:
        self._window.status.show_message(f"Saved {plain_text.line(path.name)}")

    def _acted(self, action: str) -> None:
        if action in (USE_THEIRS, USE_OWN):
            self._sessions.others.turn()

    # --- what is missing -------------------------------------------------------------------------

    def _show_missing(self, missing: tuple[KeptFile, ...]) -> None:
        dialog = self._missing
        if not missing:
            if dialog is not None:
                dialog.close()
            return
        if dialog is None:
            dialog = self._missing = MissingDialog(self._window)
            dialog.locate_wanted.connect(self._ask_place)
            dialog.left_out.connect(self._leave_out)
            dialog.finished.connect(self._closed)
        session = self._state.session
        name = session.name if session is not None else ""
        dialog.show_files([(file.name, file.path) for file in missing], name)
        dialog.show()

    def _closed(self) -> None:
        self._missing = None

    def _file(self, path: str) -> KeptFile | None:
        return next((file for file in self._sessions.missing.files if file.path == path), None)

    def _ask_place(self, path: str) -> None:
        from gui.file_dialogs import open_dialog

        file = self._file(path)
        if file is None:
            return
        suffix = Path(file.name).suffix
        kinds = f"Files like {file.name} (*{suffix})" if suffix else "Files (*)"
        title = f"Locate {plain_text.line(file.name)}"
        dialog = open_dialog(self._window, title, self._settings, kinds)
        dialog.fileSelected.connect(lambda name: self._sessions.missing.locate(file, Path(name)))
        dialog.open()

    def _leave_out(self, paths: list[str]) -> None:
        files = (self._file(path) for path in paths)
        self._sessions.missing.leave_out(tuple(file for file in files if file is not None))

    # --- menus -----------------------------------------------------------------------------------

    def _setting_changed(self, key: str) -> None:
        if key == table.RECENT_SESSIONS.key:
            self._show_recent()
        elif key == table.RESTORE.key:
            self._show_actions()

    def _show_recent(self) -> None:
        entries = [(Path(path).name, path) for path in self._settings.get(table.RECENT_SESSIONS)]
        self._window.actions_by_id.fill(
            "recent_sessions", entries, lambda path: self._sessions.open(Path(path))
        )

    def _show_actions(self) -> None:
        actions = self._window.actions_by_id
        actions.check("restore", self._settings.get(table.RESTORE))
        actions.enable(("previous_session",), self._sessions.can_go_back)


def _suffixed(path: Path) -> Path:
    """With the suffix of sessions, which not every file dialog adds."""
    return path if suffixes.is_session(path) else path.with_name(path.name + suffixes.SESSION)
