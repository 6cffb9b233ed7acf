"""The menu of the folder and the context menu of its rows: tags, exports, labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QInputDialog, QMenu

from gui.controllers.controller import Controller
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import mnemonics, plain_text
from gui.toolkit.windows import not_shown, reveal
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.widgets.folder.page import FolderPage


class FolderMenus(QObject):
    """Fills the menus when they are opened, and does what their entries say."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._folders = controller.folders
        self._exports = controller.folder_exports
        self._settings = settings
        window.folder_made.connect(self._connect)
        self._exports.progressed.connect(self._show_export)
        window.status.stop_requested.connect(self._exports.cancel)
        window.status.remedy_wanted.connect(self.match_labels)

    @property
    def _page(self) -> FolderPage:
        page = self._window.folder
        assert page is not None
        return page

    def _connect(self) -> None:
        page = self._page
        page.rows.menu_wanted.connect(self._show_rows_menu)
        page.head.menu.aboutToShow.connect(self._fill_folder_menu)
        mnemonics.add_to(page.head.menu)

    def _show_export(self, share: float, words: str) -> None:
        status = self._window.status
        status.set_work(f"Exporting: {words}" if share < 1 else "")
        if share < 1:
            status.set_progress(share)

    # --- menus -----------------------------------------------------------------------------------

    def _fill_folder_menu(self) -> None:
        menu, folders = self._page.head.menu, self._folders
        menu.clear()
        named = bool(folders.runs.labels)
        for policy, text in (
            ("top", "Explain predicted class"),
            ("label", "Explain labelled class"),
        ):
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(folders.runs.policy == policy)
            action.triggered.connect(lambda _on=False, policy=policy: self._set_policy(policy))
        menu.addSeparator()
        self._add(menu, "Match labels…", self.match_labels, on=named)
        self._add(menu, "Load labels…", self.load_labels, on=bool(folders.paths))
        menu.addSeparator()
        self._add(menu, "Search for images again", folders.find_again, on=bool(folders.paths))
        self._add_exports(menu)
        menu.addSeparator()
        self._add(menu, "Show index in its folder", self._reveal_index)
        self._add(menu, "Close folder", folders.close_folder)

    def _show_rows_menu(self, point: QPoint) -> None:
        menu = mnemonics.passing_menu(self._page)
        numbers = self.selected
        shown = self._folders.rows.known(numbers[0]) if numbers else None
        if shown is not None and len(numbers) == 1:
            self._add(menu, "Open on the Picture page", lambda: self._folders.open_row(shown))
            self._add(menu, "Copy path", lambda: _copy(shown.path))
            self._add(menu, "Show in its folder", lambda: self._reveal(Path(shown.path)))
            menu.addSeparator()
        self._add(menu, "Tag…", self.tag, on=bool(numbers))
        self._add_exports(menu)
        menu.popup(point)

    def _add_exports(self, menu: QMenu) -> None:
        few = len(self.selected) > 1
        what = f"{len(self.selected):,} selected" if few else "listed"
        menu.addSeparator()
        self._add(menu, f"Save {what} rows as CSV…", self.save_rows)
        self._add(menu, f"Save list of {what} files…", self.save_paths)
        self._add(menu, f"Copy {what} files to…", self.copy_files)
        self._add(menu, "Save report…", self.save_report, on=self._folders.job is not None)

    def _add(self, menu: QMenu, text: str, call: Callable[[], object], *, on: bool = True) -> None:
        action = menu.addAction(plain_text.entry(text))
        action.setEnabled(on)
        action.triggered.connect(lambda _on=False: call())

    # --- what is meant ---------------------------------------------------------------------------

    @property
    def selected(self) -> list[int]:
        """The selected inputs, in the order of the rows."""
        found: list[int] = self._page.rows.selected_numbers().tolist()
        return found

    @property
    def meant(self) -> list[int]:
        """The selected inputs, or all that are listed if there are not several."""
        numbers = self.selected
        if len(numbers) > 1 or self._folders.listing is None:
            return numbers
        found: list[int] = self._folders.listing.numbers.tolist()
        return found

    # --- labels ----------------------------------------------------------------------------------

    def _set_policy(self, policy: str) -> None:
        runs = self._folders.runs
        if runs.policy != policy:
            runs.policy = policy
            runs.run()

    def load_labels(self) -> None:
        """Ask for a table of labels, or a mapping from folders to classes."""
        from gui.file_dialogs import open_dialog

        kinds = "Labels (*.csv *.tsv *.json *.txt)"
        dialog = open_dialog(self._window, "Load labels", self._settings, kinds)
        dialog.fileSelected.connect(self._folders.find_again)
        dialog.open()

    def match_labels(self) -> None:
        """Show which class each label is, to be changed."""
        from gui.widgets.folder.labels import LabelDialog

        runs, job = self._folders.runs, self._folders.job
        if runs.match is None or job is None:
            return
        found = {label: own[0] for label, own in runs.match.found.items() if len(own) == 1}
        dialog = LabelDialog(self._window, runs.labels, found, job[1].classes)
        dialog.chosen.connect(self._matched)
        dialog.open()

    def _matched(self, given: dict[str, int | str]) -> None:
        self._folders.give_labels(given)

    # --- tags and exports ------------------------------------------------------------------------

    def tag(self) -> None:
        """Ask for the tags of the selected rows."""
        numbers = self.selected
        shown = self._folders.rows.known(numbers[0]) if numbers else None
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("Tag images")
        count = "1 image" if len(numbers) == 1 else f"{len(numbers):,} images"
        plain_text.ask(dialog, f"Tags of {count}, with spaces between them")
        dialog.setTextValue(shown.tags if shown is not None else "")
        dialog.textValueSelected.connect(
            lambda text: self._folders.runs.tag(numbers, " ".join(text.split()))
        )
        dialog.open()

    def save_rows(self) -> None:
        self._save("Save rows", "rows.csv", "CSV (*.csv)", self._exports.write_rows)

    def save_paths(self) -> None:
        self._save("Save list of files", "images.txt", "List (*.txt)", self._exports.write_paths)

    def save_report(self) -> None:
        """Ask where, and write what the page tells as a report."""
        from gui.file_dialogs import save_dialog

        name = f"{plain_text.file_name(self._folders.title)[:80]} report.html"
        kinds = "HTML page (*.html);;PDF (*.pdf)"
        dialog = save_dialog(self._window, "Save report", name, kinds, self._settings)
        dialog.setDefaultSuffix("html")
        dialog.fileSelected.connect(lambda path: self._exports.write_report(Path(path)))
        dialog.open()

    def copy_files(self) -> None:
        from gui.file_dialogs import folder_dialog

        numbers = self.meant
        dialog = folder_dialog(self._window, self._settings)
        dialog.setWindowTitle("Copy files to")
        dialog.fileSelected.connect(lambda name: self._exports.copy_files(numbers, Path(name)))
        dialog.open()

    def _save(
        self, title: str, name: str, kinds: str, write: Callable[[list[int], Path], None]
    ) -> None:
        from gui.file_dialogs import save_dialog

        numbers = self.meant
        dialog = save_dialog(self._window, title, name, kinds, self._settings)
        dialog.setDefaultSuffix(Path(name).suffix[1:])
        dialog.fileSelected.connect(lambda path: write(numbers, Path(path)))
        dialog.open()

    def _reveal_index(self) -> None:
        if self._folders.folder is not None:
            self._reveal(self._folders.folder / "index.sqlite")

    def _reveal(self, path: Path) -> None:
        if not reveal(path):
            self._state.notify(NoticeKind.WARNING, not_shown(path))


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
