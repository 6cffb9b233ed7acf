"""Clusters of the open folder, and whether hiding what one was judged by turns its predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from gui.controllers.folder.figures import FolderFigures
from gui.controllers.folder.folders import Folders
from gui.controllers.folder.running import is_model
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.folder import figures as folder_figures
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.folders.clusters.finding import Cluster
    from engine.folders.clusters.hiding import Hidden

_PIECE = 64
OTHER_MODEL = "Open the model that these rows were computed with"


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What was found for a job. count: of the class, then."""

    target: int | None
    clusters: list[Cluster] | None
    findings: dict[int, Hidden]
    count: int


class Clustering(QObject):
    """changed: clusters, findings or progress. target: the class they are of. clusters: None before
    they were looked for. findings: by place. work: (share, words) of what is under way.
    grown: whether more images of the class were explained since.

    They are of the results on the screen. Those of another model are there again when its results
    are; a run that begins takes away those of the rows that it will change.
    """

    changed = Signal()

    def __init__(
        self,
        state: State,
        folders: Folders,
        figures: FolderFigures,
        engine: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._folders = folders
        self._figures = figures
        self._engine = engine
        self._worker = worker
        self.target: int | None = None
        self.clusters: list[Cluster] | None = None
        self.findings: dict[int, Hidden] = {}
        self.work: tuple[float, str] | None = None
        self._hiding: tuple[int, int, Hidden | None] | None = None
        self._job: int | None = None
        self._others: dict[int, _Kept] = {}
        # How many images are of each predicted class, and how many were when clusters were found.
        self._counts: dict[int, int] = {}
        self._count = 0
        folders.opened.connect(self.forget)
        folders.changed.connect(self._job_changed)
        folders.runs.begun.connect(self._begun)
        figures.ready.connect(self._figures_came)
        folders.runs.defer = lambda: self._hiding is not None
        engine.idle.connect(self._go_on)

    def forget(self) -> None:
        """Drop the clusters: they are of another folder, or of rows that change."""
        self._others.clear()
        self._take(None)

    def find(self, target: int) -> None:
        """Look for the clusters of a predicted class."""
        folder, job = self._folders.folder, self._folders.job
        if folder is None or job is None:
            return
        self.stop()
        self.target, self.clusters, self.findings = target, None, {}
        self._job = job[0]
        self._set(0.0, "Looking for clusters…")
        number, reader = job[0], self._figures.reader
        work = Job(
            "Looking for clusters",
            lambda watch: folder_figures.clusters_of(
                reader.index(folder, watch), number, target, watch
            ),
            slot="folder clusters",
        )
        work.finished.connect(self._found)
        work.failed.connect(self._failed)
        work.cancelled.connect(self._ended)
        self._figures.lane.submit(work)

    def stop(self) -> None:
        """Stop what is under way."""
        if self._figures.lane.has("folder clusters"):
            self._figures.lane.cancel("folder clusters")
        if self._hiding is not None:
            self._hiding = None
            self._engine.cancel("folder hiding")
        self._ended()

    @property
    def grown(self) -> bool:
        found = self.target is not None and self.clusters is not None
        return found and self._counts.get(self.target or 0, 0) > self._count

    def _figures_came(self, kind: str, found: Any) -> None:
        if kind == "clusters" and found is not None:
            self._counts = {int(number): count for number, count in found if number is not None}

    def _job_changed(self) -> None:
        number = self._folders.job[0] if self._folders.job is not None else None
        if number == self._job:
            return
        if self._job is not None and self.target is not None and self.clusters is not None:
            own = _Kept(self.target, self.clusters, self.findings, self._count)
            self._others[self._job] = own
        self._job, self._counts = number, {}
        self._take(self._others.pop(number, None) if number is not None else None)

    def _begun(self, number: int) -> None:
        self._others.pop(number, None)
        if number == self._job:
            self._take(None)

    def _take(self, kept: _Kept | None) -> None:
        if self.target is None and kept is None:
            return
        self.stop()
        own = kept or _Kept(None, None, {}, 0)
        self.target, self.clusters = own.target, own.clusters
        self.findings, self._count = own.findings, own.count
        self.changed.emit()

    @property
    def cannot_hide(self) -> str:
        """Why no region can be hidden; '' if one can."""
        job = self._folders.job
        if job is None or not is_model(self._state, job[1]):
            return OTHER_MODEL
        return ""

    def hide(self, place: int) -> None:
        """Hide a cluster's region in all of its images, and count the predictions that turn."""
        if self.clusters is None or self.cannot_hide or self._hiding is not None:
            return
        self._hiding = place, 0, None
        self._set(0.0, "Hiding the region…")
        if self._engine.running is None:
            self._go_on()

    # --- hiding, piece by piece ------------------------------------------------------------------

    def _go_on(self) -> None:
        """Go on with the next images, unless something is asked of the engine."""
        folder, job, source = self._folders.folder, self._folders.job, self._state.model_source
        if self._hiding is None or self.clusters is None or self._engine.running is not None:
            return
        if folder is None or job is None or source is None:
            return
        place, begun, _ = self._hiding
        cluster, key, number = self.clusters[place], source.key, job[0]
        piece = replace(cluster, inputs=cluster.inputs[begun : begun + _PIECE])
        work = Job(
            "",
            lambda watch: folder_figures.hide_piece(
                folder, number, self._worker.model_of(key), piece, watch
            ),
            slot="folder hiding",
            priority=Priority.IDLE,
        )
        work.finished.connect(self._hid)
        work.failed.connect(self._failed)
        self._engine.submit(work)

    def _hid(self, found: Hidden) -> None:
        if self._hiding is None or self.clusters is None:
            return
        place, begun, before = self._hiding
        cluster = self.clusters[place]
        whole = found if before is None else _joined(before, found)
        done = begun + _PIECE
        if done >= cluster.size:
            self.findings[place] = whole
            self._hiding = None
            self._ended()
        else:
            self._hiding = place, done, whole
            self._set(done / cluster.size, f"Hiding the region: {done:,} of {cluster.size:,}")

    def _found(self, found: tuple[list[Cluster], int]) -> None:
        self.clusters, self._count = found
        self._ended()

    def _failed(self, error: HookscopeError) -> None:
        self._hiding = None
        self._state.notify(NoticeKind.ERROR, str(error))
        self._ended()

    def _ended(self) -> None:
        self.work = None
        self.changed.emit()

    def _set(self, share: float, words: str) -> None:
        self.work = share, words
        self.changed.emit()


def _joined(one: Hidden, other: Hidden) -> Hidden:
    into = dict(one.into)
    for number, count in other.into.items():
        into[number] = into.get(number, 0) + count
    return replace(
        one,
        size=one.size + other.size,
        flipped=one.flipped + other.flipped,
        control=one.control + other.control,
        into=into,
    )
