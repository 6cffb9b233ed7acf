"""Exports of what is selected on the folder page, with progress, and its tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from gui.controllers.folder.clustering import Clustering
from gui.controllers.folder.folders import Folders
from gui.jobs.folder import files
from gui.jobs.folder.report import FolderReport, write_folder_report
from gui.jobs.lanes import Job, Watch
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.widgets.reports.paper import paper_of

_SHOW_FOLDER = "Show folder"
Write = Callable[[Path, int, Sequence[int], Path, Watch], Any]


class FolderExports(QObject):
    """progressed(share, words): of an export; share is 1 when it has ended."""

    progressed = Signal(float, str)

    def __init__(
        self,
        state: State,
        settings: Settings,
        folders: Folders,
        clustering: Clustering,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._folders = folders
        self._clustering = clustering

    def write_rows(self, numbers: Sequence[int], path: Path) -> None:
        """Write the rows of inputs as CSV."""
        self._submit(files.write_rows, numbers, path, self._written)

    def write_paths(self, numbers: Sequence[int], path: Path) -> None:
        """Write the paths of inputs as a list."""
        self._submit(files.write_paths, numbers, path, self._written)

    def copy_files(self, numbers: Sequence[int], folder: Path) -> None:
        """Copy the files of inputs into a folder."""
        self._submit(files.copy_files, numbers, folder, self._copied)

    def write_report(self, path: Path) -> None:
        """Write a report on what is listed, with the clusters that were found."""
        folders, job = self._folders, self._folders.job
        if folders.folder is None or job is None:
            return
        found = tuple(
            (cluster, self._clustering.findings.get(place))
            for place, cluster in enumerate(self._clustering.clusters or ())
        )
        task = FolderReport(
            folders.folder,
            folders.title,
            job,
            folders.view.selection,
            tuple(own.text for own in folders.view.filters),
            found,
            self._settings.display(),
            paper_of(self._settings.get(table.REPORT_PAPER)),
        )
        work = Job(
            "Writing the report",
            lambda watch: write_folder_report(task, path, watch),
            slot="folder export",
        )
        self._run(work, self._written)

    def cancel(self) -> bool:
        """Stop an export; whether there was one."""
        if self._folders.folder is None:
            return False
        lane = self._folders.lanes[1]
        found = lane.has("folder export")
        lane.cancel("folder export")
        return found

    def _submit(
        self, write: Write, numbers: Sequence[int], path: Path, then: Callable[[Any], None]
    ) -> None:
        folder, job = self._folders.folder, self._folders.job
        if folder is None:
            return
        number = job[0] if job is not None else 0
        work = Job(
            "Exporting images",
            lambda watch: write(folder, number, numbers, path, watch),
            slot="folder export",
        )
        self._run(work, then)

    def _run(self, work: Job, then: Callable[[Any], None]) -> None:
        work.progressed.connect(self.progressed)
        work.finished.connect(then)
        work.failed.connect(self._failed)
        work.ended.connect(lambda: self.progressed.emit(1.0, ""))
        self._folders.lanes[1].submit(work)

    def _written(self, path: Path) -> None:
        self._state.notify(NoticeKind.INFO, f"Saved {path.name}.", _SHOW_FOLDER, str(path))

    def _copied(self, result: tuple[Path, int, int]) -> None:
        folder, done, failed = result
        text = f"Copied {done:,} image{'' if done == 1 else 's'} to {folder.name}."
        if failed:
            text += f" {failed:,} could not be read."
        kind = NoticeKind.WARNING if failed else NoticeKind.INFO
        self._state.notify(kind, text, _SHOW_FOLDER, str(folder))

    def _failed(self, error: HookscopeError) -> None:
        self._state.notify(NoticeKind.ERROR, str(error))
