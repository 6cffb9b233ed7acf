"""From what a person does to what the engine is asked, and back.

The cycle: a click changes the selection in the state, `_explain` makes a request with a new
generation and puts it on the engine lane, the answer comes back on the GUI thread, and only an
answer of the latest generation reaches the state. When the lane is idle, a sweep maps every other
layer; from then on a click is answered from the sweep, without the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import HookscopeError
from engine.records import LoadedImage, Request
from engine.sources import ModelSource
from gui.files import ExportTask, color_strips, map_thumbnails, write_export
from gui.images import Images
from gui.jobs import Job, Lane, Priority
from gui.settings import SWEEP_ENABLED, Settings
from gui.state import NoticeKind, State
from gui.workbench import Answer, EngineFacts, OpenedModel, SweepAnswer, Workbench

_log = logging.getLogger(__name__)

FIRST_MODEL = ModelSource("demo:shapes")

# Long enough that walking through layers by key does not start a sweep at every step.
_SWEEP_DELAY_MS = 120


class Controller(QObject):
    """Owns the two lanes: one for the engine, one for files.

    map_thumbnails_ready(dict of QImage by layer name). exported(ExportTask).
    swatches_ready(dict of QImage by colour map).
    """

    map_thumbnails_ready = Signal(object)
    swatches_ready = Signal(object)
    exported = Signal(object)

    def __init__(self, state: State, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self._settings = settings
        self._workbench = Workbench()
        self.engine_lane = Lane("engine", self)
        self.file_lane = Lane("files", self)
        self.images = Images(state, settings, self.file_lane, self)
        self.images.leaving.connect(self._image_left)
        self.images.ready.connect(self._explain)
        self._generation = 0
        self._next_export = 0
        self._stopped = False
        self._sweep_unwanted = False
        self._sweep_timer = QTimer(self)
        self._sweep_timer.setSingleShot(True)
        self._sweep_timer.setInterval(_SWEEP_DELAY_MS)
        self._sweep_timer.timeout.connect(self._sweep)
        self.engine_lane.idle.connect(self._sweep_timer.start)
        settings.changed.connect(self._setting_changed)

    # --- starting and ending ---------------------------------------------------------------------

    def start(self, paths: Sequence[Path] = ()) -> None:
        """Load the engine, the first model and the first images."""
        job = Job("Loading the engine", self._workbench.load_engine, stoppable=False)
        job.finished.connect(self._engine_loaded)
        job.failed.connect(self._engine_failed)
        self.engine_lane.submit(job)
        swatches = Job("Drawing colours", lambda _watch: color_strips(), stoppable=False)
        swatches.finished.connect(self.swatches_ready)
        self.file_lane.submit(swatches)
        if paths:
            self.images.open_paths(paths)
        else:
            self.images.open_scenes()
        self.open_model(FIRST_MODEL)

    def close(self) -> None:
        """Stop everything and wait for both lanes."""
        self._sweep_timer.stop()
        self.engine_lane.idle.disconnect(self._sweep_timer.start)
        self.file_lane.close()
        self.engine_lane.close()

    def cancel(self) -> None:
        """Stop what is being computed or written. What is shown stays, and is the selection."""
        self.file_lane.cancel("scan")
        self.file_lane.cancel("export")
        if self.state.info is None and self.state.model_loading == FIRST_MODEL:
            # Nothing could be done without the engine and its first model.
            return
        self._generation += 1
        self._stopped = True
        # Until the next click; the lane, idle again, would start it at once.
        self._sweep_unwanted = True
        self._sweep_timer.stop()
        self.engine_lane.cancel("explain")
        self.engine_lane.cancel("sweep")
        self.engine_lane.cancel("model")
        state = self.state
        state.set_computing(False)
        if state.explanation is not None:
            state.target = state.explanation.target.index
            if state.layer is not None:
                state.layer = state.explanation.layer
        state.answer_changed.emit()

    def _engine_loaded(self, facts: EngineFacts) -> None:
        self.state.engine = facts
        self.state.engine_changed.emit()

    def _engine_failed(self, error: HookscopeError) -> None:
        self.state.engine_error = error
        self.engine_lane.cancel("model")
        self.state.engine_changed.emit()
        self.state.notify(NoticeKind.ERROR, str(error))

    def _image_left(self) -> None:
        """What was computed belongs to the image that was current until now."""
        self._generation += 1
        self.engine_lane.cancel("explain")
        self.engine_lane.cancel("sweep")
        state = self.state
        state.target = None
        state.answer = state.explanation = state.sweep = None
        state.explain_error = ""
        state.set_computing(False)
        if state.current_key is None:
            self.engine_lane.submit(Job("Closing the image", self._workbench.forget_image))

    # --- models ----------------------------------------------------------------------------------

    def open_model(self, source: ModelSource) -> None:
        """Open a model in place of the current one, which stays if this one cannot be opened."""
        self.state.model_loading = source
        self.state.model_changed.emit()
        job = Job(
            f"Opening {source.spec}",
            lambda watch: self._workbench.open_model(source, watch),
            slot="model",
        )
        job.finished.connect(self._model_opened)
        job.failed.connect(self._model_failed)
        job.cancelled.connect(lambda: self._model_given_up(source))
        self.engine_lane.submit(job)

    def _model_opened(self, opened: OpenedModel) -> None:
        self._generation += 1
        state = self.state
        state.model_loading = None
        state.model_error = ""
        state.model_source, state.info, state.layers = opened.source, opened.info, opened.layers
        state.layer = state.target = None
        state.answer = state.explanation = state.sweep = None
        if not opened.source.spec.startswith("demo:"):
            self._settings.add_recent_model(opened.source.key)
        state.model_changed.emit()
        if opened.info.notices:
            state.notify(NoticeKind.WARNING, _sentences(opened.info.notices))
        self._explain()

    def _model_failed(self, error: HookscopeError) -> None:
        self.state.model_loading = None
        self.state.model_error = str(error)
        if self.state.info is None:
            self.state.set_computing(False)
        self.state.model_changed.emit()
        self.state.notify(NoticeKind.ERROR, str(error))

    def _model_given_up(self, source: ModelSource) -> None:
        if self.state.model_loading == source:
            self.state.model_loading = None
            if self.state.model_source is None:
                self.state.set_computing(False)
            self.state.model_changed.emit()

    # --- explaining ------------------------------------------------------------------------------

    def choose_layer(self, layer: str | None) -> None:
        """Explain another layer, 'NAME' or 'NAME#k'; None for the model's default."""
        if self.state.layer != layer or self.state.explanation is None or self._stopped:
            self.state.layer = layer
            self.state.selection_changed.emit()
            self._explain()

    def choose_class(self, index: int | None) -> None:
        """Explain another class; None for the one of highest logit."""
        if self.state.target != index or self.state.explanation is None or self._stopped:
            self.state.target = index
            self.state.selection_changed.emit()
            self._explain()

    def _explain(self) -> None:
        image, source = self.state.current, self.state.model_source
        if image is None or image.loaded is None or source is None:
            if source is None and self.state.model_loading is None:
                self.state.set_computing(False)
            return
        self._generation += 1
        self._stopped = self._sweep_unwanted = False
        request = Request(
            self._generation, image.key, source.key, self.state.layer, self.state.target
        )
        if self._answered_by_sweep(request):
            return
        self.state.set_computing(True)
        loaded: LoadedImage = image.loaded
        job = Job(
            f"Explaining {request.layer or 'the default layer'}",
            lambda watch: self._workbench.explain(loaded, request, watch),
            slot="explain",
            priority=Priority.CLICK,
        )
        job.finished.connect(self._answered)
        job.failed.connect(lambda error: self._explain_failed(request, error))
        job.cancelled.connect(lambda: self._explain_cancelled(request))
        self.engine_lane.submit(job)

    def _answered_by_sweep(self, request: Request) -> bool:
        """Show a map that the sweep has found already; nothing is left to compute."""
        sweep, answer, info = self.state.sweep, self.state.answer, self.state.info
        if sweep is None or answer is None or info is None:
            return False
        if (sweep.request.image, sweep.request.model) != (request.image, request.model):
            return False
        target = answer.predictions[0].index if request.target is None else request.target
        explanation = sweep.explanations.get(request.layer or info.default_layer)
        if explanation is None or target != sweep.target:
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
        changed_class = (
            state.sweep is not None and state.sweep.target != answer.explanation.target.index
        )
        if changed_class:
            state.sweep = None
            state.sweep_changed.emit()
        state.answer, state.explanation = answer, answer.explanation
        state.explain_error = ""
        state.set_computing(False)
        if state.info is not None and state.info.device != answer.info.device:
            state.info = answer.info
            state.engine_changed.emit()
            state.notify(NoticeKind.WARNING, _sentences(answer.info.notices))
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

    # --- the sweep -------------------------------------------------------------------------------

    def _setting_changed(self, key: str) -> None:
        if key != SWEEP_ENABLED.key:
            return
        if self._settings.get(SWEEP_ENABLED):
            self._sweep_timer.start()
        else:
            self.engine_lane.cancel("sweep")

    def _sweep(self) -> None:
        """Map every layer for the explained class, unless that is done, unwanted or untimely."""
        image, answer, source = self.state.current, self.state.answer, self.state.model_source
        if image is None or image.loaded is None or answer is None or source is None:
            return
        if not self._settings.get(SWEEP_ENABLED) or self.state.computing or self._sweep_unwanted:
            return
        explanation = self.state.explanation
        if explanation is None:
            return
        target = explanation.target.index
        if self.state.sweep is not None and self.state.sweep.target == target:
            return
        if self.engine_lane.running is not None or self.engine_lane.has("sweep"):
            return
        request = Request(self._generation, image.key, source.key, None, target)
        loaded: LoadedImage = image.loaded
        job = Job(
            "Mapping every layer",
            lambda watch: self._workbench.sweep(loaded, request, watch),
            slot="sweep",
            priority=Priority.IDLE,
        )
        job.finished.connect(self._swept)
        job.failed.connect(self._sweep_gave_up)
        self.engine_lane.submit(job)

    def _swept(self, swept: SweepAnswer) -> None:
        source, explanation = self.state.model_source, self.state.explanation
        current = (self.state.current_key, source.key if source is not None else "")
        if (swept.request.image, swept.request.model) != current or explanation is None:
            return
        if explanation.target.index != swept.target:
            return
        self.state.sweep = swept
        self.state.sweep_changed.emit()
        if swept.notices:
            self.state.notify(NoticeKind.WARNING, _sentences(swept.notices))

    def _sweep_gave_up(self, error: HookscopeError) -> None:
        self._sweep_unwanted = True
        self.state.notify(NoticeKind.WARNING, f"No thumbnails: {error}")

    def draw_map_thumbnails(self, size: int) -> None:
        """Colour the maps of the sweep for the model tree, size device pixels each."""
        sweep = self.state.sweep
        if sweep is None:
            return
        explanations, display = sweep.explanations, self._settings.display()
        job = Job(
            "Drawing thumbnails",
            lambda watch: map_thumbnails(explanations, display, size, watch),
            slot="map thumbnails",
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(lambda drawn: self._thumbnails_drawn(sweep, drawn))
        self.file_lane.submit(job)

    def _thumbnails_drawn(self, sweep: SweepAnswer, drawn: object) -> None:
        if sweep is self.state.sweep:
            self.map_thumbnails_ready.emit(drawn)

    # --- export ----------------------------------------------------------------------------------

    def export(self, task: ExportTask) -> None:
        """Write an export in the background; closing the program waits for it."""
        self._next_export += 1
        job = Job(
            "Exporting",
            lambda watch: write_export(task, watch),
            slot=f"export {self._next_export}",
            priority=Priority.CLICK,
            keep=True,
        )
        job.cancelled.connect(
            lambda: self.state.notify(NoticeKind.WARNING, "The export was stopped.")
        )
        job.finished.connect(self.exported)
        job.failed.connect(lambda error: self.state.notify(NoticeKind.ERROR, str(error)))
        self.file_lane.submit(job)


def _sentences(notices: Sequence[str]) -> str:
    """One text of several, since a newer notice takes the place of an older one."""
    return " ".join(f"{_capital(text).rstrip('.')}." for text in notices)


def _capital(text: str) -> str:
    first, space, rest = text.partition(" ")
    device = first.partition(":")[0] in ("cpu", "cuda", "mps")
    return (first.upper() if device else first[:1].upper() + first[1:]) + space + rest
