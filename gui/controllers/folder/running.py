"""Runs over the open folder: finding its images, then computing rows when nothing else is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.explanations import layers_in
from gui.controllers.models import PHOTO_MODEL, Models
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.folder import reading
from gui.jobs.folder.running import Begun, FolderRunner, Plan
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.folders import RunState
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.folders.inputs.labels import Match
    from engine.folders.records import Job as FolderJob
    from engine.folders.records import Progress


class Runs(QObject):
    """changed: what is going on. found(count): the images of the folder are known. begun(job),
    ended: of a run, which may be continued.

    state: what is going on. words: of it, ''. match: of labels to classes, None before a run.
    defer: whether something else is to be done first when nothing is asked.
    """

    changed = Signal()
    found = Signal(int)
    begun = Signal(int)
    ended = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine: Lane,
        worker: EngineWorker,
        models: Models,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._engine = engine
        self._models = models
        self._runner = FolderRunner(worker)
        self.state = RunState.IDLE
        self.progress: Progress | None = None
        self.found_words = ""
        self.match: Match | None = None
        self.labels: dict[str, int] = {}
        self.given: dict[str, int | str] = {}
        self.policy = "top"
        self._folder: Path | None = None
        self._begun = False
        self.defer: Callable[[], bool] = lambda: False
        engine.idle.connect(self._go_on)
        state.model_changed.connect(self._model_came)

    # --- finding ---------------------------------------------------------------------------------

    def find(
        self, lane: Lane, folder: Path, paths: Sequence[Path], labels: str | None, *, then_run: bool
    ) -> None:
        """Note the images of paths in the index of a folder."""
        self._folder, self.found_words = folder, ""
        self._set(RunState.FINDING)
        job = Job(
            "Searching for images",
            lambda watch: reading.find_inputs(folder, paths, labels, watch),
            slot="folder find",
        )
        job.progressed.connect(self._finding)
        job.finished.connect(lambda found: self._was_found(*found, then_run=then_run))
        job.failed.connect(self._not_found)
        job.cancelled.connect(self._stopped)
        lane.submit(job)

    def _finding(self, _fraction: float, words: str) -> None:
        self.found_words = words
        self.changed.emit()

    def _was_found(self, count: int, overlooked: Sequence[str], *, then_run: bool) -> None:
        self._set(RunState.IDLE)
        if overlooked:
            self._state.notify(NoticeKind.WARNING, " ".join(f"{line}." for line in overlooked))
        self.found.emit(count)
        if then_run and count:
            self.run()

    def _not_found(self, error: HookscopeError) -> None:
        self._set(RunState.IDLE)
        self._state.notify(NoticeKind.ERROR, str(error))
        self.found.emit(0)

    def _stopped(self) -> None:
        if self.state is RunState.FINDING:
            self._set(RunState.IDLE)

    # --- running ---------------------------------------------------------------------------------

    def take(self, folder: Path, given: dict[str, int | str]) -> None:
        """Another folder is open; what ran is ended."""
        self.stop()
        self._folder = folder
        self.progress, self.match = None, None
        self.labels, self.given, self.policy = {}, given, "top"
        self._set(RunState.IDLE)

    def know_labels(self, labels: dict[str, int], job: FolderJob) -> None:
        """Match the labels of an index that was opened to the classes of its job."""
        from engine.folders.inputs.labels import match

        if self.state is RunState.RUNNING:
            return
        several = job.scores == "LABELS"
        self.labels, self.match = labels, match(labels, job.classes, self.given, several=several)

    def run(self) -> None:
        """Compute what is missing with the model, layer and method that are chosen now."""
        folder, source, info = self._folder, self._state.model_source, self._state.info
        if folder is None:
            return
        # Files of the user's: until a model was chosen, by the demo that knows photographs.
        self._models.open_demo(PHOTO_MODEL)
        opening = self._state.model_loading is not None
        if opening or source is None or info is None:
            self._set(RunState.WAITING)
            return
        names = {node.name for node in self._state.layers}
        layer = self._state.layer
        plan = Plan(
            folder,
            source.key,
            tuple(layers_in(layer, names)) if layer is not None else (),
            self._state.method,
            self._state.options,
            self.policy,
            self._settings.get(EXACT),
            dict(self.given),
        )
        self._begun = False
        self._set(RunState.RUNNING)
        job = Job(
            "Preparing the folder",
            lambda watch: self._runner.begin(plan, watch),
            slot="folder run",
        )
        job.finished.connect(self._was_begun)
        job.failed.connect(self._failed)
        job.cancelled.connect(self._not_begun)
        self._engine.submit(job)

    def pause(self) -> None:
        """Stop computing for now; what is written stays, and another process may write."""
        if self.state is RunState.WAITING:
            self._set(RunState.IDLE)
        if self.state is RunState.RUNNING:
            self._set(RunState.PAUSED)
            self._end()

    def stop(self) -> None:
        """End what runs."""
        if self.state in (RunState.RUNNING, RunState.PAUSED):
            self._end()
        self._set(RunState.IDLE)

    def tag(self, numbers: Sequence[int], tags: str) -> None:
        """Set the tags of inputs."""
        folder = self._folder
        if folder is None:
            return
        job = Job(
            "Tagging images",
            lambda watch: self._runner.tag(folder, numbers, tags, watch),
            stoppable=False,
        )
        job.finished.connect(lambda _count: self._tagged(len(numbers), tags))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._engine.submit(job)

    def _tagged(self, count: int, tags: str) -> None:
        # Their column is seldom in sight.
        images = "1 image" if count == 1 else f"{count:,} images"
        said = f"Tagged {images}: {tags}" if tags else f"Removed the tags of {images}"
        self._state.notify(NoticeKind.INFO, f"{said}.")
        self.changed.emit()

    def close(self) -> None:
        """Release the index, once the lane has ended."""
        self._runner.end()

    @property
    def runner(self) -> FolderRunner:
        """For other work on the engine lane that writes the index or uses the network."""
        return self._runner

    def _end(self) -> None:
        self._engine.cancel("folder run")
        self._engine.cancel("folder step")
        self._engine.submit(Job("", self._runner.end, stoppable=False))

    def _was_begun(self, begun: Begun) -> None:
        self.match, self.labels, self.progress = begun.match, begun.labels, begun.progress
        self._begun = True
        self.begun.emit(begun.job)
        self.changed.emit()
        if self.state is not RunState.RUNNING:
            self._end()

    def _go_on(self) -> None:
        """Compute the next images, unless something is asked of the engine."""
        if self.state is not RunState.RUNNING or self._engine.running is not None:
            return
        if self.defer():
            return
        if self._engine.has("folder run") or self._engine.has("folder step"):
            return
        if not self._begun:
            return
        job = Job("", self._runner.step, slot="folder step", priority=Priority.IDLE)
        job.finished.connect(self._stepped)
        job.failed.connect(self._failed)
        self._engine.submit(job)

    def _stepped(self, result: tuple[Progress, bool]) -> None:
        self.progress, over = result
        if over and self.state is RunState.RUNNING:
            self._set(RunState.DONE)
            self.ended.emit()
        else:
            self.changed.emit()

    def _failed(self, error: HookscopeError) -> None:
        self._set(RunState.PAUSED if self.progress is not None else RunState.IDLE)
        self._state.notify(NoticeKind.ERROR, str(error))
        self.ended.emit()

    def _not_begun(self) -> None:
        if self.state is RunState.RUNNING:
            self._set(RunState.IDLE)

    def _model_came(self) -> None:
        loading = self._state.model_loading is not None
        if self.state is RunState.WAITING and self._state.info is not None and not loading:
            self.run()

    def _set(self, state: RunState) -> None:
        self.state = state
        self.changed.emit()


def fits(state: State, job: FolderJob) -> bool:
    """Whether a job is what would be computed with the model, layer and method chosen now."""
    info = state.info
    if info is None or not is_model(state, job):
        return False
    layer = state.layer if state.layer is not None else info.default_layer
    options = [[name, value] for name, value in state.options]
    same = layer == job.layer or not job.layer
    return same and state.method == job.method and options == job.facts.get("options", options)


def is_model(state: State, job: FolderJob) -> bool:
    """Whether a job was computed with the open model."""
    info = state.info
    if info is None:
        return False
    return (info.source, info.weights) == (job.facts.get("model"), job.facts.get("weights"))
