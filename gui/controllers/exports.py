"""Exports of the current view: captured on request, written in the background."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engine.records.display import DisplaySettings
from engine.records.views import View
from gui.jobs.files.writing import ExportTask, write_export
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.scale import shared_end
from gui.state.state import State


class Exports(QObject):
    """Writes through the file lane. written(ExportTask)."""

    written = Signal(object)

    def __init__(self, state: State, settings: Settings, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._next = 0

    def task(self) -> ExportTask | None:
        """Capture the current view; None, with a notice to the user, if there is no map."""
        state = self._state
        image, view = state.current, state.view_of(state.pane)
        loaded, answer, explanation = state.loaded_of(state.pane), state.answer, state.explanation
        if image is None or view is None or None in (loaded, answer, explanation):
            state.notify(NoticeKind.INFO, "There is no heat map to export yet.")
            return None
        assert loaded is not None
        assert answer is not None
        assert explanation is not None
        versions = state.engine.versions if state.engine is not None else {}
        return ExportTask(
            loaded,
            explanation,
            answer.info,
            answer.predictions,
            self._display(),
            versions,
            view=View.of(explanation, loaded, view.model, view.edits),
            notes=image.notes,
            pictures=state.pictures,
        )

    def _display(self) -> DisplaySettings:
        """The settings, with the end of the scale that is on the screen."""
        state, display = self._state, self._settings.display()
        if len(state.panes) > 1 and state.links.scale:
            return replace(display, end=shared_end(state.panes, display))
        return display

    def write(self, task: ExportTask) -> None:
        """Write an export in the background; closing the program waits for it."""
        self._next += 1
        job = Job(
            "Exporting",
            lambda watch: write_export(task, watch),
            slot=f"export {self._next}",
            priority=Priority.CLICK,
            keep=True,
        )
        job.cancelled.connect(lambda: self._state.notify(NoticeKind.WARNING, "Export stopped."))
        job.finished.connect(self.written)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def cancel(self) -> None:
        """Cancel the exports."""
        self._lane.cancel("export")
