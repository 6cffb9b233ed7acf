"""Handles Copy as Python, Save as Python script and File > More exports > Report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from gui.controllers.reports.reports import Reports
from gui.settings.store import Settings
from gui.settings.table import LAST_FOLDER
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.records.workbench.reports import ReportChoice
    from gui.widgets.reports.dialog import ReportDialog

_SCRIPTS = ("copy_script", "save_script")


class ReportOpener(QObject):
    """Shows the dialogs, passes on what is chosen, and says what came of it."""

    def __init__(
        self, window: MainWindow, state: State, reports: Reports, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._reports = reports
        self._settings = settings
        self._dialog: ReportDialog | None = None
        self._tips = {id: window.actions_by_id[id].toolTip() for id in (*_SCRIPTS, "report")}
        reports.scripted.connect(self._scripted)
        reports.progressed.connect(self._progressed)
        reports.written.connect(self._written)
        reports.failed.connect(self._failed)
        reports.stopped.connect(self._stopped)
        window.actions_by_id.connect(
            {"copy_script": reports.script, "save_script": self._ask_place, "report": self.ask}
        )
        for signal in (state.answer_changed, state.current_changed, state.model_changed):
            signal.connect(self._show_actions)
        self._show_actions()

    def _show_actions(self) -> None:
        """Grey what cannot be had; its tooltip says why."""
        reports = self._reports
        for id, reason in (
            ("copy_script", reports.reason_against_script()),
            ("save_script", reports.reason_against_script(saved=True)),
            ("report", reports.reason_against_report()),
        ):
            action = self._window.actions_by_id[id]
            action.setEnabled(not reason)
            action.setToolTip(plain_text.tip(reason) if reason else self._tips[id])

    # --- scripts ---------------------------------------------------------------------------------

    def _ask_place(self) -> None:
        from gui.file_dialogs import save_dialog

        kinds = "Python (*.py)"
        dialog = save_dialog(
            self._window, "Save as Python script", "explain.py", kinds, self._settings
        )
        dialog.setDefaultSuffix("py")
        dialog.setObjectName("script dialog")
        dialog.fileSelected.connect(lambda path: self._reports.script(Path(path)))
        dialog.open()

    def _scripted(self, text: str, path: Path | None) -> None:
        if path is None:
            QGuiApplication.clipboard().setText(text)
            self._state.notify(NoticeKind.INFO, "Python script copied to the clipboard.")
            return
        self._said(f"Saved {path.name}", path)

    # --- reports ---------------------------------------------------------------------------------

    def ask(self) -> None:
        """Show the dialog; a message if there is nothing to report."""
        reason = self._reports.reason_against_report()
        if reason:
            self._state.notify(NoticeKind.INFO, reason)
            return
        from gui.file_dialogs import start_folder
        from gui.widgets.reports.dialog import ReportDialog

        image = self._state.current
        name = plain_text.file_name(Path(image.title).stem if image is not None else "report")
        dialog = self._dialog = ReportDialog(
            self._settings,
            start_folder(self._settings) / f"{name} report",
            self._window,
            has_patient=self._reports.has_patient,
        )
        dialog.setObjectName("report dialog")
        dialog.chosen.connect(self._write)
        dialog.stop_requested.connect(self._reports.cancel)
        dialog.finished.connect(self._closed)
        dialog.open()

    def _write(self, choice: ReportChoice) -> None:
        self._settings.set(LAST_FOLDER, str(choice.path.parent))
        self._reports.write(choice)

    def _closed(self) -> None:
        self._dialog = None

    def _progressed(self, fraction: float, words: str) -> None:
        if self._dialog is not None:
            self._dialog.show_progress(fraction, words)

    def _written(self, path: Path) -> None:
        if self._dialog is not None:
            self._dialog.accept()
        self._said(f"Saved {path.name}", path)

    def _failed(self, text: str) -> None:
        if self._dialog is not None:
            self._dialog.show_failure(text)
        else:
            self._state.notify(NoticeKind.ERROR, text)

    def _stopped(self) -> None:
        if self._dialog is not None:
            self._dialog.show_failure("Stopped; nothing was written.")
        else:
            self._state.notify(NoticeKind.WARNING, "Report stopped.")

    def _said(self, words: str, path: Path) -> None:
        folder = str(path.absolute().parent)
        self._state.notify(NoticeKind.INFO, words, "Show folder", folder)
