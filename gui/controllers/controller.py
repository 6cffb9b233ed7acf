"""The main controller: turns user actions into engine requests, and results into state.

The cycle: a click changes the selection in the state, `_explain` submits a request with a new
generation number to the engine lane, the answer arrives on the GUI thread, and only an answer of
the latest generation reaches the state. When the lane is idle, the sweeper computes the maps of all
other layers; from then on clicks are answered from the sweep, without the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.methods.registry import choose, counted_shape, expected_words, find
from engine.records.images import LoadedImage
from engine.records.options import Value
from gui.controllers.downloads import Downloads
from gui.controllers.exports import Exports
from gui.controllers.image_views import ImageViews
from gui.controllers.images import Images
from gui.controllers.late_files import LateFiles
from gui.controllers.models import Models, NamedModel
from gui.controllers.published import Published
from gui.controllers.sweeps import Sweeper
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.file_work import color_strips
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings import EXACT, Settings
from gui.state.records import Answer, EngineFacts, Request
from gui.state.state import NoticeKind, State

_log = logging.getLogger(__name__)


class Controller(QObject):
    """Owns the engine lane, the file lane and the controllers that use them.

    swatches_ready(dict of QImage by colour map).
    """

    swatches_ready = Signal(object)

    def __init__(self, state: State, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self._settings = settings
        settings.changed.connect(self._setting_changed)
        self._worker = EngineWorker()
        self.engine_lane = engine = Lane("engine", self)
        self.file_lane = files = Lane("files", self)
        self.images = Images(state, settings, files, self)
        self.images.leaving.connect(self._image_left)
        self.views = ImageViews(state, self.images, files, self)
        self.images.ready.connect(self._image_ready)
        self.views.altered.connect(self._image_altered)
        self.models = Models(state, settings, engine, self._worker, self)
        self.models.opened.connect(self._model_opened)
        self.models.not_opened.connect(self._model_not_opened)
        self.sweeper = Sweeper(state, settings, engine, files, self._worker, self)
        self.exports = Exports(state, settings, files, self)
        self.downloads = Downloads(self)
        self.published = Published(state, engine, self._worker, self)
        for lane in (engine, files):
            LateFiles(state, lane, self)
        self._generation = 0
        self._stopped = False

    # --- starting and ending ---------------------------------------------------------------------

    def start(self, paths: Sequence[Path] = (), model: NamedModel | None = None) -> None:
        """Load the engine, open the first model and the first images."""
        job = Job("Loading the engine", self._worker.load_engine, stoppable=False)
        job.finished.connect(self._engine_loaded)
        job.failed.connect(self._engine_failed)
        self.engine_lane.submit(job)
        swatches = Job("Drawing colour maps", lambda _watch: color_strips(), stoppable=False)
        swatches.finished.connect(self.swatches_ready)
        self.file_lane.submit(swatches)
        if paths:
            self.images.open_paths(paths)
        else:
            self.images.open_scenes()
        if model is None:
            self.models.open_first()
        else:
            self.models.open_named(model)

    def close(self) -> None:
        """Stop all jobs and wait for the lanes."""
        self.sweeper.close()
        self.downloads.close()
        self.file_lane.close()
        self.engine_lane.close()

    def cancel(self) -> None:
        """Stop the current computation or export, or else a download.

        The map on the screen stays and becomes the selection again.
        """
        if self.engine_lane.running is None and self.file_lane.running is None:
            self.downloads.cancel()
        self.images.cancel()
        self.exports.cancel()
        if self.models.opening_first:
            return
        self._generation += 1
        self._stopped = True
        self.sweeper.stop()
        self.engine_lane.cancel("explain")
        self.models.cancel()
        state = self.state
        state.set_computing(False)
        if state.explanation is not None:
            state.choose_target(state.explanation.target.index)
            if state.layer is not None and state.explanation.layer:
                state.layer = state.explanation.layer
            shown = state.explanation.method, state.explanation.options
            if shown != (state.method, state.options):
                state.method, state.options = shown
                self.models.remember_method()
        state.answer_changed.emit()

    def _engine_loaded(self, facts: EngineFacts) -> None:
        self.state.engine = facts
        self.state.engine_changed.emit()

    def _engine_failed(self, error: HookscopeError) -> None:
        self.state.engine_error = error
        self.models.cancel()
        self.state.engine_changed.emit()
        self.state.notify(NoticeKind.ERROR, str(error))

    def _image_left(self) -> None:
        """Discard all results, which belong to the previous image."""
        self._generation += 1
        self.engine_lane.cancel("explain")
        self.sweeper.cancel()
        state = self.state
        state.target = state.chosen_target
        state.answer = state.explanation = state.sweep = None
        state.explain_error = ""
        state.set_computing(False)
        if state.current_key is None:
            self.engine_lane.submit(Job("Closing the image", self._worker.forget_image))

    def _image_altered(self) -> None:
        """Explain the same image with other levels; its map stays until the new one is there."""
        self._generation += 1
        self.engine_lane.cancel("explain")
        self.sweeper.cancel()
        self.state.answer = self.state.sweep = None
        self.state.sweep_changed.emit()
        self._explain()

    def _model_opened(self) -> None:
        """Make pending answers of the previous model stale, and explain with the new one."""
        self._generation += 1
        self._image_ready()

    def _model_not_opened(self) -> None:
        """Explain what waited for a model that does not come."""
        if self.state.explanation is None and not self.state.explain_error:
            self._image_ready()

    def _image_ready(self) -> None:
        """Explain the current image, by the demo that knows such images if no model was chosen."""
        self.views.follow()
        image = self.state.current
        decoded = image is not None and image.loaded is not None
        if image is not None and decoded and self.models.open_for(image):
            self.state.set_computing(True)
            return
        self._explain()

    # --- explaining ------------------------------------------------------------------------------

    def choose_layer(self, layer: str | None) -> None:
        """Explain another layer, 'NAME' or 'NAME#k'; None for the default layer."""
        if self.state.layer != layer or self.state.explanation is None or self._stopped:
            self.state.layer = layer
            self.state.selection_changed.emit()
            self._explain()

    def choose_class(self, index: int | None) -> None:
        """Explain another class; None for the class with the highest logit."""
        if self.state.target != index or self.state.explanation is None or self._stopped:
            self.state.choose_target(index)
            self.state.selection_changed.emit()
            self._explain()

    def choose_method(
        self, slug: str, options: tuple[tuple[str, Value], ...] | None = None
    ) -> None:
        """Explain with another method. options that are not given take their defaults; None for
        those with which it was last used in this session."""
        state = self.state
        state.kept_options[state.method] = state.options
        if options is None:
            options = state.kept_options.get(slug, ())
        chosen = choose(slug, dict(options))
        asked = chosen.method.slug, chosen.options
        for used in (state.method, slug):
            self._settings.add_recent_method(used)
        if asked != (state.method, state.options) or state.explanation is None or self._stopped:
            state.method, state.options = asked
            state.selection_changed.emit()
            self._explain()
            self.models.remember_method()

    def _setting_changed(self, key: str) -> None:
        if key == EXACT.key and self.state.explanation is not None:
            self.state.sweep = None
            self.state.sweep_changed.emit()
            self._explain()

    def _explain(self) -> None:
        image, source = self.state.current, self.state.model_source
        if image is None or image.loaded is None or source is None:
            if source is None and self.state.model_loading is None:
                self.state.set_computing(False)
            return
        self._generation += 1
        self._stopped = False
        self.sweeper.allow()
        request = Request(
            self._generation,
            image.key,
            source.key,
            self.state.layer if find(self.state.method).layered else None,
            self.state.target,
            self.state.method,
            self.state.options,
            image.revision,
            self._settings.get(EXACT),
        )
        if self._answered_by_sweep(request):
            return
        self.state.set_computing(True)
        loaded: LoadedImage = image.loaded
        job = Job(
            self._title(request),
            lambda watch: self._worker.explain(loaded, request, watch),
            slot="explain",
            priority=Priority.CLICK,
        )
        job.finished.connect(self._answered)
        job.failed.connect(lambda error: self._explain_failed(request, error))
        job.cancelled.connect(lambda: self._explain_cancelled(request))
        self.engine_lane.submit(job)

    def _title(self, request: Request) -> str:
        """What the job does, and how long it will take where that is more than a few passes."""
        chosen, info, shown = choose(request.method, dict(request.options)), self.state.info, None
        place = request.layer or chosen.method.place or "the default layer"
        if self.state.answer is not None:
            shown = self.state.answer.explanation.seconds.forward
        if info is None:
            return f"Explaining {place}"
        node = self.state.node(request.layer or info.default_layer)
        shape = (len(info.preprocessing.mean), *info.preprocessing.crop)
        words = expected_words(chosen, counted_shape(chosen.method, shape, node), shown or 0.0)
        return f"{chosen.method.title}: {words}" if words else f"Explaining {place}"

    def _answered_by_sweep(self, request: Request) -> bool:
        """Show the map from the sweep, if it has been computed; whether it has."""
        explanation = self.sweeper.answer(request)
        if explanation is None:
            return False
        self.engine_lane.cancel("explain")
        self.state.explanation = explanation
        self.state.explain_error = ""
        self.state.set_computing(False)
        self.state.answer_changed.emit()
        return True

    def _answered(self, answer: Answer) -> None:
        if answer.request.generation != self._generation:
            _log.debug("answer %d came late and is dropped", answer.request.generation)
            return
        state = self.state
        self.sweeper.void_unless(answer.explanation)
        state.answer, state.explanation = answer, answer.explanation
        state.explain_error = ""
        state.set_computing(False)
        if state.info is not None and state.info.device != answer.info.device:
            state.info = answer.info
            state.engine_changed.emit()
            state.warn(answer.info.notices)
        state.answer_changed.emit()

    def _explain_failed(self, request: Request, error: HookscopeError) -> None:
        if request.generation != self._generation:
            return
        self.state.explanation = None
        self.state.explain_error = str(error)
        self.state.set_computing(False)
        self.state.answer_changed.emit()

    def _explain_cancelled(self, request: Request) -> None:
        if request.generation == self._generation:
            self.state.set_computing(False)
