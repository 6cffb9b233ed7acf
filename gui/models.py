"""The open model: opened in place of the last one, which stays where that fails."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.sources import ModelSource
from gui.jobs import Job, Lane
from gui.settings import Settings
from gui.state import NoticeKind, State
from gui.workbench import OpenedModel, Workbench

FIRST_MODEL = ModelSource("demo:shapes")


class Models(QObject):
    """Fills the state's model through the engine lane.

    opened: another model is there; what was computed with the last one is void.
    """

    opened = Signal()

    def __init__(
        self, state: State, settings: Settings, lane: Lane, workbench: Workbench, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._workbench = workbench

    @property
    def opening_first(self) -> bool:
        """Whether the model of the start is still awaited: nothing can be done without one."""
        return self._state.info is None and self._state.model_loading == FIRST_MODEL

    def open(self, source: ModelSource) -> None:
        """Open a model in place of the current one, which stays if this one cannot be opened."""
        self._state.model_loading = source
        self._state.model_changed.emit()
        job = Job(
            f"Opening {source.spec}",
            lambda watch: self._workbench.open_model(source, watch),
            slot="model",
        )
        job.finished.connect(self._opened)
        job.failed.connect(self._failed)
        job.cancelled.connect(lambda: self._given_up(source))
        self._lane.submit(job)

    def cancel(self) -> None:
        """Give up the one that is being opened."""
        self._lane.cancel("model")

    def _opened(self, opened: OpenedModel) -> None:
        state = self._state
        state.model_loading = None
        state.model_error = ""
        state.model_source, state.info, state.layers = opened.source, opened.info, opened.layers
        state.layer = state.target = None
        state.answer = state.explanation = state.sweep = None
        if not opened.source.spec.startswith("demo:"):
            self._settings.add_recent_model(opened.source.key)
        state.model_changed.emit()
        state.warn(opened.info.notices)
        self.opened.emit()

    def _failed(self, error: HookscopeError) -> None:
        self._state.model_loading = None
        self._state.model_error = str(error)
        if self._state.info is None:
            self._state.set_computing(False)
        self._state.model_changed.emit()
        self._state.notify(NoticeKind.ERROR, str(error))

    def _given_up(self, source: ModelSource) -> None:
        if self._state.model_loading == source:
            self._state.model_loading = None
            if self._state.model_source is None:
                self._state.set_computing(False)
            self._state.model_changed.emit()
