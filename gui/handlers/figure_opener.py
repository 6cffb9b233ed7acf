"""Handles Export figure and the contact sheets: the dialog, and a figure of each image."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QObject

from gui.controllers.figures.figures import Figures
from gui.controllers.figures.panes import reason_against
from gui.settings.store import Settings
from gui.settings.table import LAST_FOLDER
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.window.commands.table import SHEETS
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.records.figures import FigureForm
    from gui.controllers.figures.batch import Run
    from gui.jobs.figure_work import Collected, DrawnFigure
    from gui.jobs.sheet_work import Kind
    from gui.widgets.figures.batch import BatchDialog
    from gui.widgets.figures.dialog import FigureDialog

_KINDS: Final = (("screen", "Picture on the screen"), *SHEETS)


class FigureOpener(QObject):
    """Shows the dialogs, and passes on what is asked and answered."""

    def __init__(
        self, window: MainWindow, state: State, figures: Figures, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._figures = figures
        self._settings = settings
        self._dialog: FigureDialog | None = None
        self._batch: BatchDialog | None = None
        self._source: Collected | None = None
        self._figure: DrawnFigure | None = None
        figures.collected.connect(self._collected)
        figures.progressed.connect(self._progressed)
        figures.drawn.connect(self._drawn)
        figures.failed.connect(self._failed)
        figures.written.connect(self._written)
        figures.batch.progressed.connect(self._batch_progressed)
        figures.batch.ended.connect(self._batch_ended)
        window.actions_by_id.connect(
            {"figure": self.ask, **{f"sheet_{kind}": partial(self.ask, kind) for kind, _ in SHEETS}}
        )

    def ask(self, kind: str = "screen") -> None:
        """Show the dialog with a kind of figure in it; a message if there is none."""
        reason = reason_against(self._state, cast("Kind", kind))
        if reason:
            self._state.notify(NoticeKind.INFO, reason)
            return
        from gui.file_dialogs import start_folder
        from gui.widgets.figures.dialog import FigureDialog

        kinds = [
            (value, text, reason_against(self._state, cast("Kind", value)))
            for value, text in _KINDS
        ]
        folder = start_folder(self._settings)
        dialog = self._dialog = FigureDialog(self._settings, kinds, folder, self._window)
        dialog.setObjectName("figure dialog")
        dialog.wanted.connect(self._figures.collect)
        dialog.changed.connect(self._draw)
        dialog.save_requested.connect(self._save)
        dialog.many_requested.connect(self._ask_many)
        dialog.finished.connect(self._closed)
        dialog.open()
        dialog.choose_kind(kind)

    def _closed(self) -> None:
        self._dialog = self._source = self._figure = None
        self._figures.stop()

    def _collected(self, source: Collected) -> None:
        self._source = source
        if self._dialog is not None:
            self._dialog.set_maps(source.name, len(source.items), source.notices)

    def _draw(self, form: FigureForm) -> None:
        if self._source is not None:
            self._figures.draw(self._source, form)

    def _drawn(self, figure: DrawnFigure) -> None:
        self._figure = figure
        if self._dialog is not None:
            self._dialog.show_figure(figure.picture, figure.words)

    def _progressed(self, words: str) -> None:
        if self._dialog is not None:
            self._dialog.show_busy(f"Computing the maps: {words}")

    def _failed(self, text: str) -> None:
        if self._dialog is not None:
            self._dialog.show_failure(text)

    def _save(self, path: Path) -> None:
        if self._figure is not None:
            self._figures.write(self._figure, path)

    def _written(self, path: Path) -> None:
        folder = str(path.absolute().parent)
        self._state.notify(NoticeKind.INFO, f"Exported {path.name}", "Show folder", folder)

    # --- one figure for each image ---------------------------------------------------------------

    def _ask_many(self) -> None:
        dialog, shown = self._dialog, self._state.explained_class
        if dialog is None or shown is None:
            return
        if self._figures.batch.running:
            self._state.notify(NoticeKind.INFO, "Figures are being written; wait for their end.")
            dialog.reject()
            return
        from gui.file_dialogs import start_folder
        from gui.widgets.figures.batch import BatchDialog

        form, suffix = dialog.form, dialog.suffix
        dialog.accept()
        if self._batch is not None:
            self._batch.close()
        count, folder = len(self._state.images), start_folder(self._settings)
        batch = self._batch = BatchDialog(
            count, suffix, f"{shown.label}, in all images", folder, self._window
        )
        batch.setObjectName("batch dialog")
        batch.start_requested.connect(partial(self._start_many, form, suffix))
        batch.stop_requested.connect(self._figures.batch.cancel)
        batch.finished.connect(self._batch_closed)
        batch.show()

    def _start_many(self, form: FigureForm, suffix: str, folder: Path, same: bool) -> None:
        self._settings.set(LAST_FOLDER, str(folder))
        self._figures.batch.start(form, folder, suffix, one_class=same)

    def _batch_closed(self) -> None:
        self._batch = None

    def _batch_progressed(self, done: int, _count: int, words: str) -> None:
        if self._batch is not None:
            self._batch.show_progress(done, words)

    def _batch_ended(self, run: Run) -> None:
        count = len(run.written)
        words = f"{count:,} of {len(run.sources):,} figures written to {run.folder.name}"
        if run.fault:
            words = f"{words}. {run.fault}"
        elif run.left_out:
            words = f"{words}; {len(run.left_out):,} images left out"
        if self._batch is not None:
            self._batch.show_progress(run.done, words)
            self._batch.show_end(words, run.left_out)
        kind = NoticeKind.WARNING if run.fault or run.left_out else NoticeKind.INFO
        self._state.notify(kind, words, "Show folder" if count else "", str(run.folder.absolute()))
