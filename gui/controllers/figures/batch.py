"""A figure for each open image: one after the other, each computed, drawn and written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QObject, Signal

from engine.errors import HookscopeError
from engine.records.display import DisplaySettings
from engine.records.figures import FigureForm
from gui.controllers.figures.panes import request_of, source_of
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.figure_work import Collected, name_key, write_one_of_many
from gui.jobs.lanes import Job, Lane, Priority
from gui.jobs.sheet_work import ImageSource, figure_of_one
from gui.settings.store import Settings
from gui.settings.table import EXACT, FIGURE_FACTS
from gui.state.records import Request
from gui.state.state import State

_SLOT = "figure-batch"
_SOON_S = 2.0

STOPPED = "Stopped"
"""Why a batch ended early that the user has stopped."""


@dataclass(slots=True, eq=False)
class Run:
    """A batch, from its start to its end.

    written: the files, in the order of the images. left_out: why an image has none, with its name.
    fault: why it ended early; '' if it did not. stopping: the user has stopped it.
    """

    folder: Path
    suffix: str
    form: FigureForm
    display: DisplaySettings
    request: Request
    sources: tuple[ImageSource, ...]
    written: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    fault: str = ""
    stopping: bool = False

    @property
    def done(self) -> int:
        return len(self.written) + len(self.left_out)


class Batch(QObject):
    """Writes figures through both lanes; each step is a job of its own, so clicks come in between.

    progressed(images done, of how many, words). ended(Run).
    """

    progressed = Signal(int, int, str)
    ended = Signal(object)

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine_lane: Lane,
        file_lane: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._engine_lane = engine_lane
        self._file_lane = file_lane
        self._worker = worker
        self._run: Run | None = None
        self._clock = QElapsedTimer()

    @property
    def running(self) -> bool:
        return self._run is not None

    def start(self, form: FigureForm, folder: Path, suffix: str, *, one_class: bool) -> None:
        """Begin, unless one runs. one_class: the class on the screen for every image; otherwise
        each has the class that was chosen for it, or its most probable one."""
        state = self._state
        request = request_of(state, self._settings.get(EXACT))
        if request is None or self._run is not None:
            return
        sources = tuple(source_of(state, image) for image in state.images.values())
        if one_class:
            sources = tuple(replace(source, target=request.target) for source in sources)
        # Decoded ones would be kept in memory until the end, and the window lets go of them. What
        # has been edited cannot be read again.
        sources = tuple(
            source if source.path is None or source.edits.steps else replace(source, loaded=None)
            for source in sources
        )
        display = self._settings.display()
        self._run = Run(folder, suffix, form, display, request, sources)
        self._clock.start()
        self._step()

    def cancel(self) -> None:
        """Stop; the files that are written stay."""
        if self._run is not None:
            # A file that is complete in spite of that counts, and no other is begun.
            self._run.stopping = True
            self._engine_lane.cancel(_SLOT)
            self._file_lane.cancel(_SLOT)

    def _step(self) -> None:
        run = self._run
        assert run is not None
        if run.done == len(run.sources):
            self._end()
            return
        if run.stopping:
            self._end(STOPPED)
            return
        source = run.sources[run.done]
        image = self._state.images.get(source.key)
        # The name of a file that was never read may tell a patient's.
        name = image.title if image is not None else ""
        self.progressed.emit(run.done, len(run.sources), self._words(run, name))
        job = Job(
            f"Figure {run.done + 1} of {len(run.sources)}",
            lambda watch: figure_of_one(self._worker, source, run.request, watch),
            slot=_SLOT,
            # It may name a patient.
            unlogged=(str(source.path), source.path.name) if source.path is not None else (),
        )
        job.finished.connect(self._computed)
        job.failed.connect(self._not_computed)
        job.cancelled.connect(lambda: self._end(STOPPED))
        self._engine_lane.submit(job)

    def _words(self, run: Run, name: str) -> str:
        words = [f"{run.done + 1} of {len(run.sources)}"]
        if name:
            words.append(name)
        if run.done:
            each = self._clock.elapsed() / 1000 / run.done
            left = each * (len(run.sources) - run.done)
            if left > _SOON_S:
                words.append(f"about {_time(left)} left")
        return " · ".join(words)

    def _computed(self, source: Collected) -> None:
        run = self._run
        assert run is not None
        taken = frozenset(map(name_key, run.written))
        where = run.folder, run.suffix, taken
        facts, pictures = self._settings.get(FIGURE_FACTS), self._state.pictures
        job = Job(
            f"Writing figure {run.done + 1} of {len(run.sources)}",
            lambda watch: write_one_of_many(
                source, run.form, run.display, where, watch, facts=facts, pictures=pictures
            ),
            slot=_SLOT,
            priority=Priority.CLICK,
            keep=True,
        )
        job.finished.connect(self._written)
        # The next one would meet the same full disk or the same width that is too small.
        job.failed.connect(lambda error: self._end(str(error)))
        job.cancelled.connect(lambda: self._end(STOPPED))
        self._file_lane.submit(job)

    def _written(self, path: Path) -> None:
        run = self._run
        assert run is not None
        run.written.append(path)
        self._step()

    def _not_computed(self, error: HookscopeError) -> None:
        run = self._run
        assert run is not None
        source = self._state.model_source
        if source is None or source.key != run.request.model:
            self._end(str(error))
            return
        run.left_out.append(str(error))
        self._step()

    def _end(self, fault: str = "") -> None:
        run = self._run
        if run is None:
            return
        self._run = None
        run.fault = fault
        self.ended.emit(run)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
