"""Changes the open model (preprocessing, output, layouts, class names) and saves its profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.loading.adjustments import Adjustment
from engine.records.explanations import layers_in
from engine.records.models import Origin
from gui.controllers.taking_up import forget_chosen, take_model, take_up
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.state.notices import CHECK_INPUT, NoticeKind
from gui.state.records import OpenedModel
from gui.state.state import State


class Adjusting(QObject):
    """Changes the state's model through the engine lane. keep: called before a changed model is
    taken, which counts as chosen.

    adjusted: preprocessing or output has changed; earlier results are void. not_adjusted, seen,
    profile_written: as in Models.
    """

    adjusted = Signal()
    not_adjusted = Signal(str)
    seen = Signal(object, str)
    profile_written = Signal(object)

    def __init__(
        self,
        state: State,
        lane: Lane,
        worker: EngineWorker,
        keep: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._lane = lane
        self._worker = worker
        self._keep = keep

    def adjust(self, change: Adjustment) -> None:
        """Change what a model has; one that does not fit leaves the model as it is."""
        # Of two changes of the same kind only the newer counts; of different kinds, both.
        kind = next((field.name for field in fields(change) if getattr(change, field.name)), "")
        file = change.classes or change.profile
        self._change(
            "Updating the model",
            kind,
            lambda watch, key: self._worker.adjust(change, watch, key),
            file.name if file is not None else "",
        )

    def reset(self) -> None:
        """Restore the settings that come with the model."""
        self._change("Reopening the model", "reset", self._worker.reset_model)

    def remember_method(self) -> None:
        """Save the chosen method in the profile of the model."""
        state = self._state
        if state.model_source is None:
            return
        key, method, options = state.model_source.key, state.method, state.options
        self._save(
            "method", lambda watch: self._worker.remember_method(key, method, options, watch)
        )

    def remember_question(self) -> None:
        """Save what is asked in the profile of the model."""
        state = self._state
        if state.model_source is None:
            return
        key, question = state.model_source.key, state.question
        self._save("question", lambda watch: self._worker.remember_question(key, question, watch))

    def _save(self, what: str, work: Callable[[Watch], None]) -> None:
        job = Job(f"Saving the {what}", work, slot=what, stoppable=False, keep=True)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.WARNING, str(error)))
        self._lane.submit(job)

    def export_profile(self, path: Path) -> None:
        """Write the profile of the open model to a file."""
        key = self._key
        job = Job("Saving the profile", lambda watch: self._worker.export_profile(path, watch, key))
        job.finished.connect(self.profile_written)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def look(self) -> None:
        """Request the image that the model receives for the current image; emits seen."""
        image = self._state.current
        if image is None or image.loaded is None or self._state.info is None:
            return
        loaded, name, key = image.loaded, image.name, self._key
        job = Job(
            "Preprocessing the image",
            lambda watch: self._worker.seen(loaded, watch, key),
            slot="seen",
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(lambda seen: self.seen.emit(seen, name))
        job.failed.connect(lambda error: self.not_adjusted.emit(str(error)))
        self._lane.submit(job)

    @property
    def _key(self) -> str | None:
        """The key of the active pane's model."""
        source = self._state.model_source
        return source.key if source is not None else None

    def _change(
        self,
        title: str,
        kind: str,
        work: Callable[[Watch, str | None], OpenedModel],
        reading: str = "",
    ) -> None:
        loading = self._state.model_loading
        if loading is not None:
            self.not_adjusted.emit(
                f"{loading.title} is still being opened. Try again when it is open."
            )
            return
        key = self._key
        job = Job(title, lambda watch: work(watch, key), slot=f"model {kind}", reading=reading)
        job.finished.connect(self._adjusted)
        job.failed.connect(lambda error: self.not_adjusted.emit(str(error)))
        self._lane.submit(job)

    def _adjusted(self, opened: OpenedModel) -> None:
        """The same model: keep layer and classes selected, as far as they still exist."""
        state = self._state
        self._keep()
        layer, target, question = state.layer, state.target, state.question
        left: tuple[str, ...] = ()
        classes = len(state.info.classes) if state.info is not None else 0
        how = state.info.preprocessing if state.info is not None else None
        before = state.info.notices if state.info is not None else ()
        take_model(state, opened)
        names = {node.name for node in opened.layers if node.explainable}
        parts = layers_in(layer, names) if layer is not None else ()
        if parts and all(part.partition("#")[0] in names for part in parts):
            state.layer = layer
        if len(opened.info.classes) == classes:
            state.target = target
            # A unit or cell may be another one with other layouts.
            if question.unit is None and question.cell is None:
                state.question = question
            else:
                left = take_up(state, question)
        else:
            forget_chosen(state)
            state.target = None
        state.model_changed.emit()
        if opened.info.preprocessing_from is Origin.ASSUMED and opened.info.preprocessing != how:
            state.warn((*opened.info.notices, *left), CHECK_INPUT)
        else:
            state.warn([*(n for n in opened.info.notices if n not in before), *left])
        self.adjusted.emit()
