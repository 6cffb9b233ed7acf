"""The folder page of a session: taken from what is open, and opened again."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.keeping.folders import KeptFolder
from engine.keeping.spans import numbers_in, spans_text
from engine.lazy.numpy import np
from gui.controllers.folder.figures import FolderFigures
from gui.controllers.folder.folders import Folders
from gui.controllers.folder.kept import view_of
from gui.settings.store import Settings
from gui.settings.table import FOLDER_CHART
from gui.state.folders import Filter


class FolderKeeper(QObject):
    """changed: a session would have another folder page now."""

    changed = Signal()

    def __init__(
        self, folders: Folders, figures: FolderFigures, settings: Settings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._folders = folders
        self._figures = figures
        self._settings = settings
        self._wanted: KeptFolder | None = None
        self._last: KeptFolder | None = None
        self._chosen: dict[str, tuple[Filter, str]] = {}
        self._selected: tuple[object, str] = (None, "")
        folders.opened.connect(self._opened)
        for changed in (folders.opened, folders.changed, folders.turned, figures.ready):
            changed.connect(self._look)
        settings.changed.connect(self._look)
        folders.rows.selected_changed.connect(self._look)
        folders.listed.connect(self._listed)

    def capture(self) -> KeptFolder | None:
        """The page as it is now; while one is being opened, that one. None without a folder."""
        folders = self._folders
        if self._wanted is not None or folders.folder is None:
            return self._wanted
        keys = {number: job.key for number, job in folders.jobs}
        view = folders.view
        return KeptFolder(
            tuple(str(path.absolute()) for path in folders.paths or (folders.folder,)),
            folders.page == "folder",
            tuple(own.text for own in view.filters if own.lasting),
            view.order,
            view.down,
            self._settings.get(FOLDER_CHART),
            folders.job[1].key if folders.job is not None else "",
            keys.get(self._figures.other, "") if self._figures.other is not None else "",
            folders.identity,
            self._chosen_by_hand(),
            self._selected_rows(),
        )

    def _chosen_by_hand(self) -> tuple[tuple[str, str], ...]:
        """Conditions that cannot be typed, with their images. They may be a hundred thousand, so
        that each is turned into words once."""
        known, self._chosen = self._chosen, {}
        for own in self._folders.view.filters:
            if own.numbers is not None:
                before = known.get(own.text)
                same = before is not None and before[0].numbers is own.numbers
                text = before[1] if same and before else spans_text(own.numbers)
                self._chosen[own.text] = own, text
        return tuple((words, spans) for words, (_, spans) in self._chosen.items())

    def _selected_rows(self) -> str:
        numbers = self._folders.rows.selected
        if self._selected[0] is not numbers:
            self._selected = numbers, spans_text(numbers)
        return self._selected[1]

    def restore(self, kept: KeptFolder | None) -> None:
        """Open the page in place of the one that is open; None closes it."""
        if kept is None:
            self._wanted = None
            if self._folders.folder is not None:
                self._folders.close_folder()
            return
        if kept == self.capture():
            return
        if kept.chart:
            self._settings.set(FOLDER_CHART, kept.chart)
        self._wanted = kept
        self._folders.open_paths([Path(path) for path in kept.paths])
        if not kept.front:
            self._folders.turn("picture")

    def _opened(self) -> None:
        if self._folders.folder is None:
            self._wanted = None

    def _listed(self) -> None:
        """The index is open: look at it as it was looked at."""
        folders, kept = self._folders, self._wanted
        if kept is None:
            return
        paths = folders.paths or ((folders.folder,) if folders.folder is not None else ())
        self._wanted = None
        if tuple(str(path.absolute()) for path in paths) == kept.paths:
            numbers = {job.key: number for number, job in folders.jobs}
            if kept.job in numbers:
                folders.choose_job(numbers[kept.job])
            classes = folders.job[1].classes if folders.job is not None else ()
            view = view_of(kept.order, kept.filters, classes, down=kept.down)
            # Numbers say which image is meant in this very index only.
            known = bool(kept.index) and kept.index == folders.identity
            for words, spans in kept.chosen if known else ():
                view = view.with_filter(Filter(words, numbers=numbers_in(spans, "images")))
            folders.look_at(view)
            if known and kept.selected:
                chosen = numbers_in(kept.selected, "selected")
                folders.rows.want_selected(np.array(chosen, np.int64))
            if kept.other in numbers:
                self._figures.compare(numbers[kept.other])
        self._look()

    def _look(self, *_: object) -> None:
        now = self.capture()
        if now != self._last:
            self._last = now
            self.changed.emit()
