"""Edits as JSON: copied, exported, and opened, as the command line has them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from gui.controllers.controller import Controller
from gui.settings.store import Settings
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow

_KINDS = "JSON (*.json)"


class EditFiles(QObject):
    """Connects the commands 'copy_edits', 'export_edits' and 'open_edits'."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._files = controller.what_if.files
        self._settings = settings
        window.actions_by_id.connect(
            {
                "copy_edits": self._copy,
                "export_edits": self._ask_where,
                "open_edits": self._ask_which,
            }
        )

    def _copy(self) -> None:
        self._files.text(QGuiApplication.clipboard().setText)

    def _ask_where(self) -> None:
        from gui.file_dialogs import save_dialog

        image = self._state.current
        stem = Path(image.title).stem if image is not None else ""
        name = plain_text.file_name(f"{stem or 'image'} edits")[:80]
        dialog = save_dialog(self._window, "Export edits", f"{name}.json", _KINDS, self._settings)
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(lambda path: self._files.write(Path(path)))
        dialog.open()

    def _ask_which(self) -> None:
        from gui.file_dialogs import open_dialog

        dialog = open_dialog(self._window, "Open edits", self._settings, _KINDS)
        dialog.fileSelected.connect(lambda path: self._files.read(Path(path)))
        dialog.open()
