"""Figures: collects the maps that they show, draws them, and writes what is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.figures import FigureForm
from gui.controllers.figures.batch import Batch
from gui.controllers.figures.panes import panes_on_screen, request_of, source_of
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.figure_work import Collected, DrawnFigure, draw, write
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.jobs.sheet_work import Kind, sheet_of_images, sheet_of_one
from gui.settings.store import Settings
from gui.settings.table import EXACT, FIGURE_FACTS
from gui.state.notices import NoticeKind
from gui.state.state import State

_MAPS, _DRAWING = "figure-maps", "figure-drawing"


class Figures(QObject):
    """Uses the engine lane for maps that are not there yet, and the file lane for the rest.

    collected(Collected): what collect asked for. progressed(words). drawn(DrawnFigure).
    failed(text): neither of them could be had. written(Path).
    """

    collected = Signal(object)
    progressed = Signal(str)
    drawn = Signal(object)
    failed = Signal(str)
    written = Signal(object)

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
        self._next = 0
        self.batch = Batch(state, settings, engine_lane, file_lane, worker, self)

    def collect(self, kind: Kind) -> None:
        """Collect the maps of a kind of figure; one that is under way is given up."""
        self.stop()
        state = self._state
        request = request_of(state, self._settings.get(EXACT))
        shown = panes_on_screen(state)
        if request is None or shown is None or state.current is None:
            self.failed.emit("There is no heat map yet.")
            return
        if kind == "screen":
            self.collected.emit(shown)
            return
        worker = self._worker
        if kind == "images":
            sources = tuple(source_of(state, image) for image in state.images.values())

            def work(watch: Watch) -> Collected:
                return sheet_of_images(worker, sources, request, watch)
        else:
            # The class on the screen, whether or not it was chosen.
            source = replace(
                source_of(state, state.current),
                loaded=state.loaded_of(state.pane),
                edits=state.edits_of(state.pane),
                target=request.target,
            )

            def work(watch: Watch) -> Collected:
                return sheet_of_one(worker, kind, source, request, watch)

        job = Job("Computing the maps of the figure", work, slot=_MAPS, priority=Priority.CLICK)
        job.progressed.connect(lambda _fraction, words: self.progressed.emit(words))
        job.finished.connect(self.collected)
        job.failed.connect(self._failed)
        job.cancelled.connect(lambda: self._stopped(job))
        self._engine_lane.submit(job)

    def draw(self, source: Collected, form: FigureForm) -> None:
        """Draw a figure; a drawing that is under way is given up."""
        display = self._settings.display()
        job = Job(
            "Drawing the figure",
            lambda watch: draw(source, form, display, watch),
            slot=_DRAWING,
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(self.drawn)
        job.failed.connect(self._failed)
        self._file_lane.submit(job)

    def write(self, figure: DrawnFigure, path: Path) -> None:
        """Write the figure that was drawn; closing the program waits for it."""
        self._next += 1
        facts, pictures = self._settings.get(FIGURE_FACTS), self._state.pictures
        job = Job(
            "Exporting the figure",
            lambda watch: write(figure, path, watch, facts=facts, pictures=pictures),
            slot=f"figure {self._next}",
            priority=Priority.CLICK,
            stoppable=False,
            keep=True,
        )
        job.finished.connect(self.written)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._file_lane.submit(job)

    def stop(self) -> None:
        """Give up the maps and the drawing that are under way."""
        self._engine_lane.cancel(_MAPS)
        self._file_lane.cancel(_DRAWING)

    def _failed(self, error: HookscopeError) -> None:
        self.failed.emit(str(error))

    def _stopped(self, job: Job) -> None:
        """The user has stopped it, unless another kind of figure took its place."""
        if not self._engine_lane.has(job.slot):
            self.failed.emit("Stopped. Choose what to show again.")
