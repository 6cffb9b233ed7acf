"""Handles the gestures of the folder page, and opening a folder as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.errors import HookscopeError
from gui.controllers.controller import Controller
from gui.controllers.folder.samples import SampleFolder
from gui.settings import table
from gui.settings.store import Settings
from gui.state.folders import Filter, RunState
from gui.state.state import State
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.widgets.folder.page import FolderPage


class FolderOpener(QObject):
    """Opens folders as pages, and connects the page when it is made."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._folders = controller.folders
        self._settings = settings
        self._samples = SampleFolder(state, controller.models, self._folders, self)
        window.toolbar.page_chosen.connect(self._folders.turn)
        window.folder_made.connect(self._connect)
        window.notice.acted.connect(self._acted)
        window.actions_by_id.connect(
            {
                "open_page": self.ask_folder,
                "open_list": self.ask_list,
                "folder_page": self.turn,
                "sample_folder": self._samples.open,
            }
        )
        self._samples.progressed.connect(self._show_drawing)
        window.status.stop_requested.connect(self._samples.cancel)

    def turn(self) -> None:
        """Go to the other page."""
        self._folders.turn("picture" if self._folders.page == "folder" else "folder")

    def back(self) -> bool:
        """Go back to the row whose image is shown; whether there is one."""
        folders = self._folders
        if folders.page == "folder" or not folders.came_from_here:
            return False
        folders.turn("folder")
        return True

    def ask_folder(self) -> None:
        from gui.file_dialogs import folder_dialog

        dialog = folder_dialog(self._window, self._settings)
        dialog.fileSelected.connect(lambda name: self._folders.open_paths([Path(name)]))
        dialog.open()

    def _show_drawing(self, share: float, _words: str) -> None:
        status = self._window.status
        status.set_work("Drawing sample scenes" if share < 1 else "")
        if share < 1:
            status.set_progress(share)

    def ask_list(self) -> None:
        from gui.file_dialogs import open_dialog

        kinds = "Tables and lists (*.csv *.tsv *.txt)"
        dialog = open_dialog(self._window, "Open list of images", self._settings, kinds)
        dialog.fileSelected.connect(lambda name: self._folders.open_paths([Path(name)]))
        dialog.open()

    def _acted(self, action: str, argument: str) -> None:
        from gui.state.notices import AS_PAGE

        if action == AS_PAGE:
            self._folders.open_paths([Path(argument)])

    # --- the page --------------------------------------------------------------------------------

    def _connect(self) -> None:
        page, folders = self._page, self._folders
        page.model.page_wanted.connect(folders.rows.want_page)
        page.rows.opened.connect(self._open)
        page.rows.sorted.connect(lambda column, down: folders.set_order(column, down=down))
        page.head.run_wanted.connect(self._run)
        page.head.job_chosen.connect(folders.choose_job)
        page.filters.shape_chosen.connect(
            lambda shape: self._settings.set(table.FOLDER_SHAPE, shape)
        )
        page.filters.typed.connect(self._filter)
        page.filters.removed.connect(folders.remove_filter)
        page.filters.cleared.connect(lambda: folders.set_filters(()))
        page.filters.update_wanted.connect(folders.take_newer)

    @property
    def _page(self) -> FolderPage:
        page = self._window.folder
        assert page is not None
        return page

    def _run(self) -> None:
        runs = self._folders.runs
        if runs.state in (RunState.RUNNING, RunState.WAITING):
            runs.pause()
        else:
            runs.run()

    def _open(self, place: int) -> None:
        model = self._page.model
        if not 0 <= place < model.rowCount():
            return
        shown = self._folders.rows.known(model.number_at(place))
        if shown is not None:
            self._folders.open_row(shown)

    def _filter(self, text: str) -> None:
        """List only rows that meet a typed condition."""
        from engine.folders.index.typed import in_words, typed

        job = self._folders.job
        classes = job[1].classes if job is not None else ()
        try:
            where = typed(text, classes)
        except HookscopeError as error:
            self._page.filters.set_fault(str(error))
            return
        self._page.filters.set_fault("")
        self._page.filters.field.clear()
        bound = where.low is not None or where.high is not None
        words = text if bound else in_words(where, classes)
        self._folders.add_filter(Filter(words, (where,)))
