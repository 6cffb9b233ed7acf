"""The rows that the folder page shows: fetched in pages, with small pictures as they are seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.lazy.numpy import np
from gui.jobs.folder import reading
from gui.jobs.folder.reading import PAGE, Reader, RowPage
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.state.folders import Listing

if TYPE_CHECKING:
    from engine.folders.index.queries import Numbers, Shown
    from engine.folders.records import Job as FolderJob

_KEPT_ROWS = 8_000
# What is asked for while a list is dragged past is soon out of sight.
_MOST_WAITING = 3


class Rows(QObject):
    """page_ready(RowPage). page_dropped(first): it will not come unless it is asked for again.
    picture_ready(number, QImage). selected_changed: other rows are selected. select_wanted: those
    of to_select are to be.

    selected: inputs of the selected rows, none unless there are several: int64 (n,). to_select:
    inputs whose rows are to be selected once they are listed, None for nothing to do."""

    page_ready = Signal(object)
    page_dropped = Signal(int)
    picture_ready = Signal(int, QImage)
    selected_changed = Signal()
    select_wanted = Signal()

    def __init__(self, settings: Settings, reader: Reader, files: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self._reader = reader
        self._files = files
        self._lane: Lane | None = None
        self._listing: Listing | None = None
        self._job: tuple[int, FolderJob] | None = None
        self._waiting: list[int] = []
        self._fetching: int | None = None
        self._shown: OrderedDict[int, Shown] = OrderedDict()
        self._wanted: tuple[int, ...] = ()
        self._missing: set[int] = set()
        self._drawn: dict[int, object] = {}
        self._drawing: int | None = None
        self.selected = reading.no_numbers()
        self.to_select: Numbers | None = None

    def show(self, lane: Lane, listing: Listing | None, job: tuple[int, FolderJob] | None) -> None:
        """Another listing, or the same one with newer rows. lane: that of the reader."""
        if job != self._job:
            self._shown.clear()
            self._drawn.clear()
        self._lane, self._listing, self._job = lane, listing, job
        self._waiting.clear()

    def forget(self) -> None:
        """Drop everything: another folder is opened."""
        self._listing = self._job = None
        self.selected, self.to_select = reading.no_numbers(), None
        self._wanted, self._missing = (), set()
        self._waiting.clear()
        self._shown.clear()
        self._drawn.clear()
        self._files.cancel("folder picture")

    def note_selected(self, numbers: Numbers) -> None:
        """These inputs are selected: int64 (n,)."""
        if not np.array_equal(numbers, self.selected):
            self.selected = numbers
            self.selected_changed.emit()

    def want_selected(self, numbers: Numbers) -> None:
        """Select the rows of these inputs, int64 (n,), as soon as they are listed."""
        self.to_select = numbers
        self.select_wanted.emit()

    def known(self, number: int) -> Shown | None:
        """A row that was fetched; None if it was not, or long ago."""
        return self._shown.get(number)

    def want_page(self, first: int) -> None:
        """Fetch the rows from one on; the ones asked for last come first."""
        if first in self._waiting:
            self._waiting.remove(first)
        self._waiting.append(first)
        for old in self._waiting[:-_MOST_WAITING]:
            self._waiting.remove(old)
            self.page_dropped.emit(old)
        self._fetch()

    def want_pictures(self, numbers: Sequence[int], missing: Sequence[int]) -> None:
        """These rows are in sight. missing: those without a picture. What is out of sight is not
        drawn any more."""
        self._wanted, self._missing = tuple(numbers), set(missing)
        if self._drawing is not None and self._drawing not in self._wanted:
            self._files.cancel("folder picture")
        self._draw()

    # --- pages -----------------------------------------------------------------------------------

    def _fetch(self) -> None:
        if self._fetching is not None or not self._waiting or self._lane is None:
            return
        listing = self._listing
        if listing is None:
            return
        first = self._fetching = self._waiting.pop()
        number, about = self._job if self._job is not None else (None, None)
        job = Job(
            "Reading rows",
            lambda watch: self._reader.page(number, about, listing, first, watch),
            slot="folder page",
            priority=Priority.CLICK,
        )
        job.finished.connect(partial(self._fetched, listing))
        job.ended.connect(self._fetch_ended)
        self._lane.submit(job)

    def _fetched(self, listing: Listing, page: RowPage) -> None:
        for shown in page.rows:
            self._shown[shown.number] = shown
            self._shown.move_to_end(shown.number)
        while len(self._shown) > _KEPT_ROWS:
            self._drawn.pop(self._shown.popitem(last=False)[0], None)
        if listing is self._listing:
            self.page_ready.emit(page)
        else:
            self.page_dropped.emit(page.first)
        self._draw()

    def _fetch_ended(self) -> None:
        self._fetching = None
        self._fetch()

    # --- pictures --------------------------------------------------------------------------------

    def _mark(self, shown: Shown) -> object:
        """What a picture depends on."""
        mapped = shown.row is not None and shown.row.map is not None
        return shown.stamp, mapped, self._settings.display()

    def _next(self) -> Shown | None:
        for number in self._wanted:
            shown = self._shown.get(number)
            if shown is None or (shown.error and shown.row is None):
                continue
            if number in self._missing or self._drawn.get(number) != self._mark(shown):
                return shown
        return None

    def _draw(self) -> None:
        if self._drawing is not None:
            return
        shown = self._next()
        if shown is None:
            return
        self._drawing = shown.number
        mark, display = self._mark(shown), self._settings.display()
        about = self._job[1] if self._job is not None else None
        job = Job(
            "",
            lambda watch: reading.picture(shown, about, display, reading.PICTURE_SIDE, watch),
            slot="folder picture",
            priority=Priority.IDLE,
            unlogged=(shown.path, shown.name),
        )
        job.finished.connect(lambda image: self._came(shown, mark, image))
        job.failed.connect(lambda _error: self._came(shown, mark, QImage()))
        job.ended.connect(self._draw_ended)
        self._files.submit(job)

    def _came(self, shown: Shown, mark: object, image: QImage) -> None:
        self._drawn[shown.number] = mark
        self._missing.discard(shown.number)
        self.picture_ready.emit(shown.number, image)

    def _draw_ended(self) -> None:
        self._drawing = None
        self._draw()


def page_of(row: int) -> int:
    """The first row of the page that a row is on."""
    return row - row % PAGE
