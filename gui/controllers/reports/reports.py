"""Scripts and reports: captured on request, made and written in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.records.display import DisplaySettings
from engine.records.workbench.reports import Mapped, ReportChoice, Subject
from engine.records.workbench.trust import TrustFigure
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.jobs.report_work import ReportTask, ScriptTask, script_text, write_report
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.panes import Pane
from gui.state.scale import shared_end
from gui.state.state import State

NO_MAP = "There is no heat map yet."


class Reports(QObject):
    """figures: gives what is known of how far the map of the active pane can be believed.

    scripted(text, path or None): a script is ready, and written if it has a path. progressed(
    fraction, words), written(Path), failed(text) and stopped(): of a report."""

    scripted = Signal(str, object)
    progressed = Signal(float, str)
    written = Signal(object)
    failed = Signal(str)
    stopped = Signal()

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine: Lane,
        files: Lane,
        worker: EngineWorker,
        figures: Callable[[], tuple[TrustFigure, ...]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._engine = engine
        self._files = files
        self._worker = worker
        self._figures = figures

    # --- scripts ---------------------------------------------------------------------------------

    def reason_against_script(self, *, saved: bool = False) -> str:
        """Why there is no script of the map on the screen, as far as it is known already; '' if
        nothing speaks against one. saved: as a file, which may have a picture beside it."""
        state = self._state
        loaded, explanation = state.loaded_of(state.pane), state.explanation
        source = state.model_source
        if loaded is None or explanation is None or source is None:
            return NO_MAP
        from engine.scripting.recipe import Wanted
        from engine.scripting.refusals import of_image, of_map, of_source

        edited = bool(state.edits_of(state.pane).active)
        reason = of_map(Wanted.of(explanation)) or of_source(source)
        reason = reason or of_image(loaded, edited=edited, carried=saved)
        return f"No script: {reason}." if reason else ""

    def script(self, path: Path | None = None) -> None:
        """Make the script of the map on the screen; write it if there is a path."""
        state = self._state
        loaded, explanation = state.loaded_of(state.pane), state.explanation
        source, saved = state.model_source, path is not None
        reason = self.reason_against_script(saved=saved)
        if reason or loaded is None or explanation is None or source is None:
            state.notify(NoticeKind.INFO, reason or NO_MAP)
            return
        edited = bool(state.edits_of(state.pane).active)
        task = ScriptTask(loaded, explanation, source.key, edited, path)
        job = Job(
            "Python script",
            lambda watch: script_text(self._worker, task, watch),
            slot="script",
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda text: self.scripted.emit(text, path))
        job.failed.connect(lambda error: state.notify(NoticeKind.ERROR, str(error)))
        self._engine.submit(job)

    # --- reports ---------------------------------------------------------------------------------

    def reason_against_report(self) -> str:
        """Why there is nothing to report; '' if there is something."""
        return "" if any(map(self._has_map, self._state.panes)) else NO_MAP

    @property
    def has_patient(self) -> bool:
        """Whether an image of the report is of a DICOM file that names somebody."""
        loaded = (self._state.loaded_of(pane) for pane in self._state.panes)
        return any(image is not None and image.subject is not None for image in loaded)

    def write(self, choice: ReportChoice) -> None:
        """Write a report of all panes in the background; closing the program waits for it."""
        engine = self._state.engine
        task = ReportTask(
            self._subjects(), dict(engine.versions) if engine is not None else {}, choice
        )
        job = Job(
            "Report",
            lambda watch: write_report(task, watch),
            slot="report",
            priority=Priority.CLICK,
            keep=True,
        )
        job.progressed.connect(self.progressed)
        job.finished.connect(self.written)
        job.failed.connect(lambda error: self.failed.emit(str(error)))
        job.cancelled.connect(self.stopped)
        self._files.submit(job)

    def cancel(self) -> None:
        """Stop the report that is being written."""
        self._files.cancel("report")

    def _has_map(self, pane: Pane) -> bool:
        there = pane.explanation is not None and pane.answer is not None and not pane.bare
        return there and self._state.loaded_of(pane) is not None

    def _subjects(self) -> tuple[Subject, ...]:
        """The panes, those of one image and model together."""
        found: dict[tuple[int, str], Subject] = {}
        for pane in filter(self._has_map, self._state.panes):
            image, source = self._state.loaded_of(pane), pane.model_source
            answer, explanation = pane.answer, pane.explanation
            assert image is not None
            assert source is not None
            assert answer is not None
            assert explanation is not None
            figures = self._figures() if pane is self._state.pane else ()
            mapped = Mapped(explanation, self._display(), figures)
            key = id(image), source.key
            known = found.get(key)
            found[key] = (
                replace(known, maps=(*known.maps, mapped))
                if known is not None
                else Subject(
                    image,
                    answer.info,
                    answer.predictions,
                    (mapped,),
                    self._state.edits_of(pane),
                    self._state.images[pane.current_key or ""].notes,
                )
            )
        return tuple(found.values())

    def _display(self) -> DisplaySettings:
        """The settings, with the end of the scale that is on the screen."""
        state, display = self._state, self._settings.display()
        if len(state.panes) > 1 and state.links.scale:
            return replace(display, end=shared_end(state.panes, display))
        return display
