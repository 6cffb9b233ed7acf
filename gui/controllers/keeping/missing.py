"""Files of a session that are not where they were: each is located or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.keeping import locating
from engine.keeping.records import KeptFile
from gui.controllers.images import Images
from gui.controllers.keeping.restoring import Restorer
from gui.jobs.lanes import Job
from gui.state.state import State


class MissingFiles(QObject):
    """changed(tuple of KeptFile): others are missing, or none. located: some are here, and the
    session has their places. submit: a job of the sessions' lane. files: those that are missing.
    """

    changed = Signal(object)
    located = Signal()

    def __init__(
        self,
        state: State,
        images: Images,
        restorer: Restorer,
        submit: Callable[[Job], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._images = images
        self._restorer = restorer
        self._submit = submit
        self.files: tuple[KeptFile, ...] = ()

    def note(self, files: tuple[KeptFile, ...]) -> None:
        """These are missing, and no others."""
        if files != self.files:
            self.files = files
            self.changed.emit(files)

    def locate(self, file: KeptFile, path: Path) -> None:
        """A missing file is here; others may have been moved along with it."""
        others = [other.path for other in self.files if other is not file]
        job = Job(
            "Looking for the other files",
            lambda _watch: {file.path: path} | locating.followed(file.path, path, others),
        )
        job.finished.connect(self._located)
        self._submit(job)

    def _located(self, places: dict[str, Path]) -> None:
        self.note(tuple(file for file in self.files if file.path not in places))
        self._restorer.locate(places, paths_of(self.files))
        self.located.emit()

    def leave_out(self, files: tuple[KeptFile, ...]) -> None:
        """Go on without these files: their images are closed."""
        paths = paths_of(files)
        self.note(tuple(file for file in self.files if file not in files))
        self._restorer.leave_out(paths)
        images = self._state.images.items()
        self._images.close_many(
            [key for key, image in images if image.error and str(image.path) in paths]
        )


def paths_of(files: Iterable[KeptFile]) -> frozenset[str]:
    """Where files were when the session was saved."""
    return frozenset(file.path for file in files)
