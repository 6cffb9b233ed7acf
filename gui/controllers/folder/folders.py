"""The open folder: its index, what is listed of it, and the way to the first page and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import HookscopeError
from gui.controllers.folder import kept
from gui.controllers.folder.first_page import FirstPage
from gui.controllers.folder.rows import Rows
from gui.controllers.folder.running import Runs
from gui.controllers.images import Images
from gui.controllers.models import Models
from gui.controllers.panes.comparing import Comparer
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.folder import reading
from gui.jobs.folder.reading import Reader
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.state.folders import Filter, FolderView, Listing, OpenedIndex, RunState
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.folders.index.queries import Shown
    from engine.folders.records import Job as FolderJob

# How often a running index is looked at; a longer list is read less often.
_POLL_MS = 700
_QUIET_MS = 2_500


class Folders(QObject):
    """The folder page's part of the program.

    opened: another folder is open, or none. changed: its job, run or counts. listed: other rows, or
    newer ones. turned: another page of the window is in front.

    folder: of the open index, None without one. title: what it is called. jobs: with their numbers.
    identity: of the index, '' for none. job: the one shown. view: filters and order. listing: what
    is shown. newer: a listing that differs, which waits until the user wants it. page: 'picture' or
    'folder'.
    """

    opened = Signal()
    changed = Signal()
    listed = Signal()
    turned = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine: Lane,
        files: Lane,
        worker: EngineWorker,
        models: Models,
        images: Images,
        comparer: Comparer,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._reader = Reader()
        self._lanes: tuple[Lane, Lane] | None = None
        self.rows = Rows(settings, self._reader, files, self)
        self.runs = Runs(state, settings, engine, worker, models, self)
        self.runs.changed.connect(self._run_changed)
        self.runs.found.connect(self._found)
        self.runs.begun.connect(self._begun)
        self.runs.ended.connect(self._poll)
        self._first_page = FirstPage(state, models, images, comparer, self)
        self._first_page.came.connect(self._images_came)
        images.finder.paged_found.connect(self.open_paths)
        self.folder: Path | None = None
        self.title = self.identity = ""
        self.paths: tuple[Path, ...] = ()
        self.jobs: tuple[tuple[int, FolderJob], ...] = ()
        self.job: tuple[int, FolderJob] | None = None
        self.view = FolderView()
        self.listing: Listing | None = None
        self.newer: Listing | None = None
        self.page = "picture"
        self.came_from_here = False
        self._version = -1
        self._is_open = False
        self._find_then: tuple[str | None, bool] = None, False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._poll)

    # --- opening and closing ---------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path], labels: str | None = None) -> None:
        """Open folders, tables or lists of images as one folder, or a folder that has an index."""
        folder = reading.index_folder(paths)
        own = len(paths) == 1 and folder == paths[0]
        self._take(folder, () if own else tuple(paths), _title(paths))
        known = reading.has_index(folder)
        if known:
            # What is known is shown first, since finding takes all rows away for a moment.
            self._find_then = None if own else labels, not own
            self._open_index()
        elif not own:
            self._find(labels, then_run=True)

    def find_again(self, labels: str | None = None) -> None:
        """Look for the images again, with labels from a file."""
        if self.paths:
            self.runs.stop()
            self._find(labels, then_run=True)

    def close_folder(self) -> None:
        """Close the folder; what was computed is kept in its index."""
        self.runs.stop()
        self._forget()
        self.folder, self.title, self.paths = None, "", ()
        self.turn("picture")
        self.opened.emit()

    def close(self) -> None:
        """Stop everything that has not ended with the other lanes."""
        self._timer.stop()
        for lane in self._lanes or ():
            lane.close()
        self._reader.close()
        self.runs.close()

    def turn(self, page: str) -> None:
        """Bring a page of the window to the front: 'picture' or 'folder'."""
        if page == "folder" and self.folder is None:
            return
        self.came_from_here = False
        if page != self.page:
            self.page = page
            self.turned.emit()

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """That of the reader, and that of everything else which reads or writes many files."""
        if self._lanes is None:
            self._lanes = Lane("folder", self), Lane("folder files", self)
        return self._lanes

    def _take(self, folder: Path, paths: tuple[Path, ...], title: str) -> None:
        self._forget()
        self.folder, self.paths, self.title = folder, paths, title
        self.runs.take(folder, kept.load_labels(folder))
        self.opened.emit()
        self.turn("folder")

    def _forget(self) -> None:
        self._timer.stop()
        for lane in self._lanes or ():
            lane.cancel()
        self.rows.forget()
        self.jobs, self.job, self.identity = (), None, ""
        self.view, self.listing, self.newer = FolderView(), None, None
        self._version, self._is_open = -1, False
        self._find_then = None, False
        if self._lanes is not None:
            self.lanes[0].submit(Job("", self._reader.close, stoppable=False))

    def _find(self, labels: str | None, *, then_run: bool) -> None:
        assert self.folder is not None
        self.runs.find(self.lanes[1], self.folder, self.paths, labels, then_run=then_run)
        self._timer.start(_POLL_MS)

    def _open_index(self) -> None:
        folder = self.folder
        assert folder is not None
        self._read("open", lambda watch: self._reader.open(folder, watch), self._index_opened)

    def _index_opened(self, opened: OpenedIndex) -> None:
        if opened.folder != self.folder:
            return
        self._is_open = True
        self._know_jobs(opened.jobs)
        if self.job is not None:
            self.view = kept.load_view(self._settings, opened.folder, self.job[1].classes)
            self.runs.know_labels(opened.labels, self.job[1])
            self.changed.emit()
        self._list()
        self._wait()

    def _know_jobs(self, jobs: tuple[tuple[int, FolderJob], ...]) -> None:
        self.jobs = jobs
        own = self.job[0] if self.job is not None else None
        self.job = next((one for one in jobs if one[0] == own), jobs[0] if jobs else None)
        self.changed.emit()

    def _found(self, _count: int) -> None:
        if self._is_open:
            self._list()
        elif self.folder is not None and reading.has_index(self.folder):
            self._open_index()

    # --- jobs and runs ---------------------------------------------------------------------------

    @property
    def uses_model(self) -> bool:
        """Whether the folder was begun to be explained with the model that is open or opened."""
        return self.runs.state not in (RunState.IDLE, RunState.FINDING)

    def give_labels(self, given: dict[str, int | str]) -> None:
        """Take these classes for labels, for good, and compute what changes with them."""
        if self.folder is None:
            return
        fault = kept.save_labels(self.folder, given)
        if fault:
            self._state.notify(NoticeKind.WARNING, fault)
        self.runs.stop()
        self.runs.given = given
        self.runs.run()

    def choose_job(self, number: int) -> None:
        """Show what another job found."""
        found = next((one for one in self.jobs if one[0] == number), None)
        if found is not None and found != self.job:
            self.job = found
            self.changed.emit()
            self._list()

    def _begun(self, number: int) -> None:
        def know(jobs: tuple[tuple[int, FolderJob], ...]) -> None:
            self.job = next((one for one in jobs if one[0] == number), None)
            self._know_jobs(jobs)
            self._list()

        if self._is_open:
            self._read("jobs", self._reader.jobs, know)
        else:
            self._open_index()

    def _run_changed(self) -> None:
        self.changed.emit()
        if self.runs.state is RunState.RUNNING:
            self._wait()

    def _wait(self) -> None:
        """Look again after a while, sooner while something is written here."""
        if not self._timer.isActive() and self.folder is not None:
            busy = self.runs.state in (RunState.FINDING, RunState.RUNNING)
            self._timer.start(_POLL_MS if busy else _QUIET_MS)

    def _poll(self) -> None:
        """See whether the index has changed, by this process or by another."""
        if self.folder is None:
            return
        if not self._is_open:
            if reading.has_index(self.folder) and not self.lanes[0].has("folder open"):
                self._open_index()
        elif not self.lanes[0].has("folder listing"):
            self._read("version", self._reader.version, self._looked)
        self._wait()

    def _looked(self, version: int) -> None:
        known, self._version = self._version, version
        finds_again = self.runs.state is RunState.FINDING and bool(self.jobs)
        if version != known and not finds_again:
            self._list(live=True)
            self._read("others", self._reader.jobs, self._jobs_came)

    def _jobs_came(self, jobs: tuple[tuple[int, FolderJob], ...]) -> None:
        """Offer what another process began to compute."""
        if {number for number, _ in jobs} == {number for number, _ in self.jobs}:
            return
        before = self.job
        self._know_jobs(jobs)
        if self.job != before:
            self._list()

    # --- what is listed --------------------------------------------------------------------------

    def set_order(self, column: str, *, down: bool) -> None:
        """Sort the rows by a column. down: the largest first."""
        self.look_at(replace(self.view, order=column, down=down))

    def add_filter(self, added: Filter) -> None:
        """List only rows that meet one condition more."""
        self.look_at(self.view.with_filter(added))

    def set_filters(self, filters: Sequence[Filter]) -> None:
        """List only rows that meet these conditions."""
        self.look_at(replace(self.view, filters=tuple(filters)))

    def remove_filter(self, text: str) -> None:
        """List rows whether or not they meet a condition."""
        self.look_at(self.view.without(text))

    def take_newer(self) -> None:
        """Show the rows as they are by now."""
        if self.newer is not None:
            self._show(self.newer)

    def look_at(self, view: FolderView) -> None:
        """List the rows of a view."""
        if view != self.view and self.folder is not None:
            self.view = view
            kept.save_view(self._settings, self.folder, view)
            self.changed.emit()
            self._list()

    def _list(self, *, live: bool = False) -> None:
        number = self.job[0] if self.job is not None else None
        view = self.view
        known = self.listing if live and self.runs.state is not RunState.FINDING else None
        if known is not None and known.view != view:
            known = None
        self._read(
            "listing",
            lambda watch: self._reader.listing(number, view, watch, known),
            lambda listing: self._was_listed(listing, live=live),
        )

    def _was_listed(self, listing: Listing, *, live: bool) -> None:
        if listing.view != self.view:
            return
        self.identity = listing.identity
        (labels, wanted), self._find_then = self._find_then, (None, False)
        if wanted:
            self._find(labels, then_run=False)
        before = self.listing
        plain = not listing.view.filters and listing.view.order == "place"
        moved = before is not None and not _alike(before, listing)
        if live and before is not None and moved and not plain:
            # Nothing moves by itself: rows that would change places wait for the user.
            self.newer = listing
            self.listing = replace(before, counts=listing.counts, whole=listing.whole)
            self.rows.show(self.lanes[0], self.listing, self.job)
            self.listed.emit()
            return
        self._show(listing)

    def _show(self, listing: Listing) -> None:
        before, self.listing, self.newer = self.listing, listing, None
        if before is not None and _alike(before, listing):
            # The very same array says that the places of the rows are the same.
            self.listing = replace(listing, numbers=before.numbers)
        self.rows.show(self.lanes[0], self.listing, self.job)
        self.listed.emit()

    def open_row(self, shown: Shown) -> None:
        """Open a row's image on the first page, with the class, layer and method of its row."""
        self._first_page.open(shown, self.job[1] if self.job is not None else None)

    def _images_came(self, of_row: bool) -> None:
        """Images are looked at on the first page, from where a row's leads back."""
        self.turn("picture")
        self.came_from_here = of_row

    # --- reading ---------------------------------------------------------------------------------

    def _read(self, slot: str, work: object, then: object) -> None:
        """Read from the index, off the GUI thread. A newer question of the slot replaces an older
        one."""
        assert callable(work)
        job = Job("Reading the index", work, slot=f"folder {slot}", priority=Priority.WORK)
        job.finished.connect(then)
        job.failed.connect(self._cannot_read)
        self.lanes[0].submit(job)

    read = _read

    def _cannot_read(self, error: HookscopeError) -> None:
        self._state.notify(NoticeKind.ERROR, str(error))


def _alike(one: Listing, other: Listing) -> bool:
    """Whether two listings have the same rows in the same places."""
    return len(one.numbers) == len(other.numbers) and bool((one.numbers == other.numbers).all())


def _title(paths: Sequence[Path]) -> str:
    name = paths[0].absolute().name or str(paths[0])
    return name if len(paths) == 1 else f"{name} and {len(paths) - 1} more"
