"""The open model: opens it, and updates its part of the state.

A new model replaces the current one, which stays open if the new one cannot be opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import ChoiceNeeded, ConsentNeeded, HookscopeError, UnrecognisedError
from engine.formats.demo import PHOTOS
from engine.loading.adjustments import Adjustment
from engine.questions import WhichArchitecture, WhichStateDict
from engine.records.models import Origin
from engine.records.sources import ModelSource
from gui.controllers.adjusting import Adjusting
from gui.controllers.taking_up import forget_chosen, take_back, take_model, take_up
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane
from gui.settings.store import Settings
from gui.state.images import OpenImage
from gui.state.notices import CHECK_INPUT, CHOOSE_WEIGHTS, NAME_ARCHITECTURE, NoticeKind
from gui.state.records import OpenedModel
from gui.state.state import State

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
        self._adjusting = adjusting = Adjusting(state, lane, worker, self.keep, self)
        adjusting.adjusted.connect(self.opened)
        adjusting.not_adjusted.connect(self.not_adjusted)
        adjusting.seen.connect(self.seen)
        adjusting.profile_written.connect(self.profile_written)
        self.reset, self.look = adjusting.reset, adjusting.look
        self.export_profile = adjusting.export_profile
        self.remember_method = adjusting.remember_method
        self.remember_question = adjusting.remember_question

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
        self._adjusting.adjust(change)

    def cancel(self) -> None:
        """Cancel opening a model."""
        self._lane.cancel("model")

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
            forget_chosen(self._state)
        take_model(self._state, opened)
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
