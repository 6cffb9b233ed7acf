"""What the folder page's charts show: asked for when one is in front, off the GUI thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import HookscopeError
from engine.folders.index.where import COLUMNS, Selection
from engine.lazy.numpy import np
from gui.controllers.folder.folders import Folders
from gui.jobs.folder import figures as folder_figures
from gui.jobs.folder.figures import BINS, RELIABILITY_BINS, FigureReader
from gui.jobs.lanes import Job, Lane
from gui.state.folders import FolderView
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.folders.index.queries import Index
    from engine.folders.records import Job as FolderJob
    from gui.jobs.folder.figures import Difference
    from gui.jobs.lanes import Watch

_SETTLE_MS = 150
_REST = 2.0
"""Of a chart that follows a run, in times of what it took to read."""
HISTOGRAM = "histogram"
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What a chart was read for: job, view, selected inputs (int64 (n,), none for all that are
    listed), the histogram's column, and the job that is compared with, if any."""

    job: FolderJob
    view: FolderView
    chosen: NDArray[np.int64]
    column: str
    other: FolderJob | None


class FolderFigures(QObject):
    """ready(kind, value): a chart's content. kind: the chart in front. column: of the histogram.
    axes: of the scatter. chosen: inputs that are selected, which the mean map is of; none for
    all that are listed. other: the job to compare with, and
    differences from it, by class. bases: what the charts that are shown are of, by kind; that may
    be what was listed a moment ago."""

    ready = Signal(str, object)

    def __init__(self, state: State, folders: Folders, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._folders = folders
        self.reader = FigureReader()
        self._lane: Lane | None = None
        self.kind = "confusion"
        self.column = "probability"
        self.axes = ("probability", "border")
        self.chosen: NDArray[np.int64] = np.zeros(0, np.int64)
        self.other: int | None = None
        self._box: Box = (0.0, 0.0, 1.0, 1.0)
        self.bases: dict[str, Basis] = {}
        self._asked: dict[str, tuple[object, ...]] = {}
        self._begun: dict[str, float] = {}
        self._rests: dict[str, float] = {}
        self._again: set[str] = set()
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.timeout.connect(self._rested)
        self.differences: list[Difference] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(self.refresh)
        folders.listed.connect(self._later)
        folders.turned.connect(self._later)
        folders.opened.connect(self._opened)

    @property
    def lane(self) -> Lane:
        """That of the figures, which may take seconds."""
        if self._lane is None:
            self._lane = Lane("folder figures", self)
        return self._lane

    def close(self) -> None:
        """Stop, and release the index."""
        self._timer.stop()
        self._resting.stop()
        if self._lane is not None:
            self._lane.close()
        self.reader.close()

    def show(self, kind: str) -> None:
        """Bring a chart to the front."""
        self.kind = kind
        self._ask(kind)

    def show_column(self, column: str) -> None:
        """Show the histogram of a column."""
        if column != self.column and COLUMNS[column].kind == "number" and column != "place":
            self.column = column
            self._ask(HISTOGRAM)

    def show_axes(self, across: str, up: str) -> None:
        """Show two other columns in the scatter."""
        self.axes = across, up
        self._ask("scatter")

    def choose(self, numbers: NDArray[np.int64]) -> None:
        """These rows are selected: int64 (n,)."""
        if not np.array_equal(numbers, self.chosen):
            self.chosen = numbers
            if self.kind == "mean":
                self._later()

    def compare(self, number: int) -> None:
        """Compare the job that is shown with another one."""
        self.other = number
        self._ask("models")

    @property
    def compared(self) -> tuple[int, FolderJob] | None:
        """The job to compare with: the one chosen for it, else the latest other one, if any."""
        own = self._folders.job
        others = [one for one in self._folders.jobs if own is None or one[0] != own[0]]
        chosen = (one for one in others if one[0] == self.other)
        return next(chosen, others[0] if others else None)

    def look_in_box(self, box: Box) -> None:
        """Find the images with half of their map's energy in a box (left, top, right, bottom, as
        shares of the map); emits ready('box', numbers)."""
        self._box = box
        self._ask("box")

    def refresh(self) -> None:
        """Ask again for what is in front."""
        if self._folders.page == "folder" and self._folders.listing is not None:
            self._ask(HISTOGRAM, live=True)
            self._ask(self.kind, live=True)

    def _later(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _opened(self) -> None:
        self.chosen, self.other = np.zeros(0, np.int64), None
        self.bases, self.differences = {}, []
        if self._lane is not None:
            self._lane.cancel()
            self._lane.submit(Job("", self.reader.close, stoppable=False))

    def _ask(self, kind: str, *, live: bool = False) -> None:
        """Read a chart's content. live: nobody asked, but the index may have changed."""
        folders = self._folders
        if folders.folder is None or folders.job is None:
            self.ready.emit(kind, None)
            return
        folder, work = folders.folder, self._work(kind, folders.view)
        if work is None:
            self.ready.emit(kind, None)
            return
        slot = f"figures {kind}"
        question = (folder, folders.job[0], folders.view, *self._chosen_for(kind))
        if _same(self._asked.get(kind), question):
            # A run writes on: to begin anew with each of its rows would never come to an end, and
            # to begin again at once would take a core from it.
            if self.lane.has(slot):
                self._again.add(kind)
                return
            if live and time.monotonic() < self._rests.get(kind, 0.0):
                self._again.add(kind)
                self._rest()
                return
        self._asked[kind] = question
        self._again.discard(kind)
        self._begun[kind] = time.monotonic()
        job = Job(
            "Reading figures",
            lambda watch: work(self.reader.index(folder, watch), watch),
            slot=slot,
        )
        other = self.compared[1] if self.compared is not None else None
        basis = Basis(folders.job[1], folders.view, self.chosen, self.column, other)
        job.finished.connect(lambda value: self._came(kind, value, basis))
        job.failed.connect(self._failed)
        self.lane.submit(job)

    def _chosen_for(self, kind: str) -> tuple[object, ...]:
        """What a chart depends on beside the folder and its view."""
        chosen: dict[str, tuple[object, ...]] = {
            HISTOGRAM: (self.column,),
            "mean": (self.chosen,),
            "scatter": self.axes,
            "box": self._box,
            "models": (self.other,),
        }
        return chosen.get(kind, ())

    def _work(self, kind: str, view: FolderView) -> Callable[[Index, Watch], Any] | None:
        """What to read for a chart; None for nothing."""
        assert self._folders.job is not None
        (number, about), selection = self._folders.job, view.selection
        if kind == HISTOGRAM:
            return self._histogram(number, view)
        if kind in ("confusion", "classes"):
            # As they are without the cell that is chosen in them, so that another can be.
            whole = _without(selection, ("class_label", "prediction"))
            if kind == "confusion":
                return lambda index, _watch: index.confusion(number, whole)
            return lambda index, _watch: folder_figures.classes_of(index, number, about, whole)
        if kind == "reliability":
            return lambda index, _watch: index.reliability(number, RELIABILITY_BINS, selection)
        if kind == "mean":
            chosen = self.chosen
            return lambda index, _watch: index.mean_map(
                number, Selection(numbers=tuple(chosen.tolist())) if len(chosen) else selection
            )
        if kind == "scatter":
            axes = self.axes
            return lambda index, _watch: folder_figures.pairs_of(index, number, *axes, selection)
        if kind == "box":
            box = self._box
            return lambda index, _watch: folder_figures.mostly_in(index, number, box, selection)
        if kind == "clusters":
            return lambda index, _watch: index.distinct(number, "prediction")
        other = self.compared
        if kind != "models" or other is None:
            return None
        first = number, about
        return lambda index, _watch: folder_figures.differences(index, first, other, selection)

    def _histogram(self, number: int, view: FolderView) -> Callable[[Index, Watch], Any]:
        """Counts of a column over the rows that meet all filters but those on the column."""
        column = self.column
        selection = _without(view.selection, (column,))
        return lambda index, _watch: (
            column,
            *index.histogram(number, column, BINS, selection),
        )

    def _came(self, kind: str, value: Any, basis: Basis) -> None:
        self.bases[kind] = basis
        if kind == "models":
            self.differences = value[1]
        self.ready.emit(kind, value)
        now = time.monotonic()
        self._rests[kind] = now + _REST * (now - self._begun[kind])
        if kind in self._again:
            self._rest()

    def _rest(self) -> None:
        """Go on when the first of the charts that are out of date has rested."""
        left = min(self._rests.get(kind, 0.0) for kind in self._again) - time.monotonic()
        if not self._resting.isActive():
            self._resting.start(max(_SETTLE_MS, int(1000 * left)))

    def _rested(self) -> None:
        again, self._again = self._again, set()
        for kind in sorted(again & {HISTOGRAM, self.kind}):
            self._ask(kind, live=True)

    def _failed(self, error: HookscopeError) -> None:
        self._state.notify(NoticeKind.ERROR, str(error))


def _same(one: tuple[object, ...] | None, other: tuple[object, ...]) -> bool:
    """Whether two questions are the same; arrays and views by which they are, not by their
    contents."""
    return one is not None and all(
        a is b or (not isinstance(a, np.ndarray) and a == b)
        for a, b in zip(one, other, strict=False)
    )


def _without(selection: Selection, columns: tuple[str, ...]) -> Selection:
    """The selection without its conditions on some columns."""
    kept = tuple(one for one in selection.where if one.column not in columns)
    return Selection(kept, selection.numbers)
