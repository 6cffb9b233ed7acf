"""The open model: opens, adjusts and remembers it, and updates its part of the state.

A new model replaces the current one, which stays open if the new one cannot be opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import ChoiceNeeded, ConsentNeeded, HookscopeError, UnrecognisedError
from engine.formats.demo import PHOTOS
from engine.loading.adjustments import Adjustment
from engine.questions import WhichArchitecture, WhichStateDict
from engine.records.asked import CLASS
from engine.records.explanations import layers_in
from engine.records.models import Origin
from engine.records.sources import ModelSource
from gui.controllers.taking_up import take_back, take_up
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.settings import Settings
from gui.state.records import OpenedModel
from gui.state.state import (
    CHECK_INPUT,
    CHOOSE_WEIGHTS,
    NAME_ARCHITECTURE,
    NoticeKind,
    OpenImage,
    State,
)

FIRST_MODEL = ModelSource("demo:shapes")
"""What explains the scenes until a model has been chosen; the first start shows it."""

PHOTO_MODEL = ModelSource(PHOTOS)
"""What explains an image of the user's until a model has been chosen."""


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model named on the command line. trusted: files whose code may run."""

    source: ModelSource
    trusted: tuple[Path, ...] = ()


class Models(QObject):
    """Fills the state's model through the engine lane.

    opened_beside(OpenedModel): a model for another pane is open. opened: another model is open, or
    its preprocessing or output has changed; earlier results are void. not_opened: one could not be
    opened, and the current one stays. asked(ModelSource, HookscopeError): a question must be
    answered before a model can be opened. not_adjusted(sentence): why a change was rejected.
    seen(SeenInput, image name): the input that the model receives. profile_written(Path).
    """

    opened = Signal()
    opened_beside = Signal(object)
    not_opened = Signal()
    asked = Signal(object, object)
    not_adjusted = Signal(str)
    seen = Signal(object, str)
    profile_written = Signal(object)

    def __init__(
        self, state: State, settings: Settings, lane: Lane, worker: EngineWorker, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._worker = worker
        self._then: tuple[str, list[Adjustment]] = ("", [])
        self._chosen = self._loading_chosen = False
        self._not_to_be_had: set[ModelSource] = set()
        self._beside = False

    @property
    def opening_first(self) -> bool:
        """Whether the initial model is still being opened; nothing works without one."""
        state = self._state
        return state.info is None and state.model_loading is not None and not self._loading_chosen

    @property
    def chosen(self) -> bool:
        """Whether somebody has chosen the model that is open, or that is being opened."""
        loading = self._state.model_loading is not None
        return self._loading_chosen if loading else self._chosen

    def keep(self) -> None:
        """Count the open model as chosen."""
        self._chosen = True

    def open_first(self) -> None:
        """Open the model that the first start shows."""
        self._open(FIRST_MODEL)

    def open_for(self, image: OpenImage) -> bool:
        """Open the demo that knows such images, unless a model was chosen; whether it is being
        opened. A demo that failed or was stopped is not tried again for each image."""
        return self.open_demo(PHOTO_MODEL if image.scene is None else FIRST_MODEL)

    def open_demo(self, wanted: ModelSource) -> bool:
        """Open one of the demos unless a model was chosen, as open_for does."""
        state = self._state
        if self.chosen or wanted in self._not_to_be_had or state.engine_error is not None:
            return False
        if (state.model_loading or state.model_source) == wanted:
            return state.model_loading is not None
        self._open(wanted)
        return True

    def open_named(self, model: NamedModel) -> None:
        """Open a model named on the command line, with the trust given to its files there."""
        self.open(model.source, model.trusted)

    def open(self, source: ModelSource, trusted: tuple[Path, ...] = ()) -> None:
        """Open a model in place of the current one, which stays open on failure."""
        self._open(source, trusted, chosen=True)

    def open_beside(self, source: ModelSource) -> None:
        """Open a model for another pane; the one of the active pane stays."""
        self._open(source, chosen=True, beside=True)

    def reopen(self, source: ModelSource) -> None:
        """Open a model again, after a question about it was answered."""
        self._open(source, chosen=True, beside=self._beside)

    def _open(
        self,
        source: ModelSource,
        trusted: tuple[Path, ...] = (),
        *,
        chosen: bool = False,
        beside: bool = False,
    ) -> None:
        # A record of its own tells this attempt from an earlier one that ends late.
        source = replace(source)
        self._loading_chosen = chosen
        self._state.model_loading = source
        self._state.model_changed.emit()
        self._beside = beside
        job = Job(
            f"Opening {source.title}",
            lambda watch: (
                self._worker.open_beside(source, watch)
                if beside
                else self._worker.open_model(source, watch, trusted)
            ),
            slot="model",
            reading=source.title,
        )
        job.finished.connect(lambda opened: self._opened(opened, chosen, beside))
        job.failed.connect(lambda error: self._failed(source, error))
        job.cancelled.connect(lambda: self._given_up(source))
        # Pending changes to the previous model are void.
        self._lane.cancel("model")
        self._lane.submit(job)

    def ask_architecture(self, source: ModelSource) -> None:
        """Ask the user for the architecture of weights that were not recognised."""
        question = WhichArchitecture(Path(source.spec), ())
        self.asked.emit(source, ChoiceNeeded(f"{source.spec}: specify its architecture", question))

    def ask_weights(self) -> None:
        """Ask the user which network of the open model's file to open."""
        source, info = self._state.model_source, self._state.info
        if source is None or info is None or not info.other_weights:
            return
        question = WhichStateDict(Path(source.weights or source.spec), info.other_weights)
        self.asked.emit(source, ChoiceNeeded(f"{source.spec}: choose its weights", question))

    def trust(self, path: Path, sha256: str) -> None:
        """Record that the user trusts this file with this content."""
        self._worker.trust.agree(path, sha256)

    def adjust(self, change: Adjustment) -> None:
        """Change the preprocessing, output, layouts or class names of the open model.

        A change that does not fit leaves the model as it is. Class names or a profile that arrive
        while a model is being opened are applied to that one.
        """
        loading = self._state.model_loading
        if loading is not None and (change.classes or change.profile) is not None:
            if self._then[0] != loading.spec:
                self._then = loading.spec, []
            self._then[1].append(change)
            return
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
        job = Job(
            "Saving the method",
            lambda watch: self._worker.remember_method(key, method, options, watch),
            slot="method",
            stoppable=False,
            keep=True,
        )
        job.failed.connect(lambda error: self._state.notify(NoticeKind.WARNING, str(error)))
        self._lane.submit(job)

    def remember_question(self) -> None:
        """Save what is asked in the profile of the model."""
        state = self._state
        if state.model_source is None:
            return
        key, question = state.model_source.key, state.question
        job = Job(
            "Saving the question",
            lambda watch: self._worker.remember_question(key, question, watch),
            slot="question",
            stoppable=False,
            keep=True,
        )
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

    def cancel(self) -> None:
        """Cancel opening a model."""
        self._lane.cancel("model")

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
        self._chosen = True
        layer, target, question = state.layer, state.target, state.question
        left: tuple[str, ...] = ()
        classes = len(state.info.classes) if state.info is not None else 0
        how = state.info.preprocessing if state.info is not None else None
        before = state.info.notices if state.info is not None else ()
        self._take(opened)
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
            self._forget_targets()
            state.target = None
        state.model_changed.emit()
        if opened.info.preprocessing_from is Origin.ASSUMED and opened.info.preprocessing != how:
            state.warn((*opened.info.notices, *left), CHECK_INPUT)
        else:
            state.warn([*(n for n in opened.info.notices if n not in before), *left])
        self.opened.emit()

    def _opened(self, opened: OpenedModel, chosen: bool, beside: bool) -> None:
        if beside:
            self._state.model_loading, self._state.model_error = None, ""
            self._remember(opened)
            self._state.model_changed.emit()
            self._state.warn(opened.info.notices)
            self.opened_beside.emit(opened)
            return
        self._chosen = chosen
        if chosen:
            self._forget_targets()
        self._take(opened)
        self._remember(opened)
        left = take_up(self._state, self._state.chosen_question or opened.info.question)
        left = take_back(self._state, self._settings) or left
        self._state.model_changed.emit()
        assumed = opened.info.preprocessing_from is Origin.ASSUMED
        action = CHOOSE_WEIGHTS if opened.info.other_weights else CHECK_INPUT if assumed else ""
        self._state.warn((*opened.info.notices, *left), action)
        if opened.fault:
            self._state.notify(NoticeKind.ERROR, opened.fault)
        self.opened.emit()
        (spec, changes), self._then = self._then, ("", [])
        for change in changes if spec == opened.source.spec else ():
            self.adjust(change)

    def _remember(self, opened: OpenedModel) -> None:
        if not opened.source.spec.startswith("demo:"):
            self._settings.add_recent_model(opened.source.key)

    def _take(self, opened: OpenedModel) -> None:
        state = self._state
        state.model_loading = None
        state.model_error = ""
        state.model_source, state.info, state.layers = opened.source, opened.info, opened.layers
        state.layer, state.target = None, state.chosen_target
        state.method, state.options = opened.info.method, opened.info.method_options
        state.model_settled = opened.settled
        state.question, state.comparing = CLASS, False
        state.forward_seconds = 0.0
        state.answer = state.explanation = state.sweep = None

    def _forget_targets(self) -> None:
        """Forget the classes that were chosen for the images: what they name may have changed."""
        for image in self._state.images.values():
            image.targets.clear()
            image.questions.clear()
            image.left.clear()
            image.expected.clear()

    def _failed(self, source: ModelSource, error: HookscopeError) -> None:
        self._state.model_loading = None
        self._not_to_be_had.add(source)
        if self._state.info is None and source != FIRST_MODEL:
            # Requested before the demo was open: without any model, nothing works.
            self.open_first()
        if isinstance(error, ConsentNeeded | ChoiceNeeded):
            self._state.model_changed.emit()
            self.asked.emit(source, error)
            self.not_opened.emit()
            return
        self._then = "", []
        self._state.model_error = str(error)
        unknown = isinstance(error, UnrecognisedError)
        if self._state.info is None:
            self._state.set_computing(False)
        self._state.model_changed.emit()
        action = (NAME_ARCHITECTURE, source.key) if unknown else ("", "")
        self._state.notify(NoticeKind.ERROR, str(error), *action)
        self.not_opened.emit()

    def _given_up(self, source: ModelSource) -> None:
        if self._state.model_loading is source:
            self._state.model_loading = None
            self._not_to_be_had.add(source)
            if self._state.model_source is None:
                self._state.set_computing(False)
            self._state.model_changed.emit()
            self.not_opened.emit()
