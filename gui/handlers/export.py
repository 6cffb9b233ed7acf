"""Handles the clipboard and export actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from gui.controllers.exports import Exports
from gui.jobs.files.writing import ExportTask
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.records.exports import ExportChoice


class Saver(QObject):
    """Copies the image, asks what to export and where, and reports the result."""

    def __init__(
        self, window: MainWindow, state: State, exports: Exports, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._exports = exports
        self._settings = settings
        exports.written.connect(self._written)
        window.actions_by_id.connect({"copy": self.copy, "export": self.export})

    def copy(self) -> None:
        """Copy the visible part of the image with its map to the clipboard."""
        image = self._window.canvas.picture_with_overlay()
        if not image.isNull():
            QGuiApplication.clipboard().setImage(image)
            self._state.notify(NoticeKind.INFO, "Image copied to the clipboard.")

    def export(self) -> None:
        """Ask what to export and where; the view is captured now."""
        task = self._exports.task()
        if task is None:
            return
        from gui.file_dialogs import start_folder
        from gui.widgets.dialogs.export import ExportDialog

        place = start_folder(self._settings) / _file_name(task)
        has_subject = task.image.subject is not None
        dialog = ExportDialog(self._settings, place, self._window, has_subject=has_subject)
        dialog.setObjectName("export dialog")
        dialog.chosen.connect(lambda choice: self._exports.write(task.into(choice)))
        dialog.open()

    def export_as(self, choice: ExportChoice) -> None:
        """Export the current view without asking."""
        task = self._exports.task()
        if task is not None:
            self._exports.write(task.into(choice))

    def _written(self, task: ExportTask) -> None:
        paths = task.choice.paths if task.choice is not None else ()
        if not paths:
            return
        names = ", ".join(path.name for path in paths)
        folder = str(paths[0].absolute().parent)
        self._state.notify(NoticeKind.INFO, f"Exported {names}", "Show folder", folder)


def _file_name(task: ExportTask) -> str:
    """A suggested file name, from image, layer and question."""
    explanation = task.explanation
    # The name of the patient is not carried on.
    stem = Path(task.image.named(task.image.name, False)).stem or "image"
    place = explanation.layer[-40:] or explanation.method
    about = explanation.subject or explanation.target.label
    name = f"{stem[:60]} {place} {about[:40]}"
    return plain_text.file_name(name)
