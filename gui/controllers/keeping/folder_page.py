"""The folder page of a session: taken from what is open, and opened again."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.keeping.folders import KeptFolder
from gui.controllers.folder.figures import FolderFigures
from gui.controllers.folder.folders import Folders
from gui.controllers.folder.kept import view_of
from gui.settings import FOLDER_CHART, Settings


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
        folders.opened.connect(self._opened)
        for changed in (folders.opened, folders.changed, folders.turned, figures.ready):
            changed.connect(self._look)
        settings.changed.connect(self._look)
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
        )

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
            folders.look_at(view_of(kept.order, kept.filters, classes, down=kept.down))
            if kept.other in numbers:
                self._figures.compare(numbers[kept.other])
        self._look()

    def _look(self, *_: object) -> None:
        now = self.capture()
        if now != self._last:
            self._last = now
            self.changed.emit()
