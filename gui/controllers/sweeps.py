"""The sweep: computes the maps of all layers while the engine is idle, and their thumbnails.

Once it is done, a click on a layer is answered without the engine.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import HookscopeError
from engine.methods.registry import find
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from gui.jobs.colouring import map_thumbnails
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.settings.table import SWEEP_ENABLED
from gui.state.notices import NoticeKind
from gui.state.records import Request, SweepAnswer
from gui.state.state import State

# Long enough that moving through layers by key does not start a sweep at every step.
_DELAY_MS = 120


class Sweeper(QObject):
    """Runs sweeps on the engine lane, and draws their thumbnails on the file lane.

    thumbnails_ready(dict of QImage by layer name).
    """

    thumbnails_ready = Signal(object)

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
        self._unwanted = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._sweep)
        engine_lane.idle.connect(self._timer.start)
        # A map that was known, as that of another pane, comes without a job that ends.
        state.answer_changed.connect(self._timer.start)
        settings.changed.connect(self._setting_changed)

    def close(self) -> None:
        """Start no more sweeps."""
        self._timer.stop()
        self._engine_lane.idle.disconnect(self._timer.start)
        self._state.answer_changed.disconnect(self._timer.start)

    def allow(self) -> None:
        """Allow a sweep the next time the lane is idle."""
        self._unwanted = False

    def stop(self) -> None:
        """Cancel the sweep, and start none until allow() is called."""
        # Otherwise the idle lane would start it again at once.
        self._unwanted = True
        self._timer.stop()
        self.cancel()

    def cancel(self) -> None:
        """Cancel the running or pending sweep."""
        self._engine_lane.cancel("sweep")

    def answer(self, request: Request) -> Explanation | None:
        """The requested map, if the sweep has already computed it."""
        sweep, answer, info = self._state.sweep, self._state.answer, self._state.info
        if sweep is None or answer is None or info is None:
            return None
        if _maps_asked(sweep.request) != _maps_asked(request):
            return None
        target = answer.predictions[0].index if request.target is None else request.target
        if target != sweep.target:
            return None
        return sweep.explanations.get(request.layer or info.default_layer)

    def void_unless(self, shown: Explanation) -> None:
        """Discard the sweep if it is for another class, question or method."""
        if self._state.sweep is not None and not _belongs(shown, self._state.sweep):
            self._state.sweep = None
            self._state.sweep_changed.emit()

    def _setting_changed(self, key: str) -> None:
        if key != SWEEP_ENABLED.key:
            return
        if self._settings.get(SWEEP_ENABLED):
            self._timer.start()
        else:
            self.cancel()

    def _sweep(self) -> None:
        """Start a sweep for the explained class, unless it is done, off or in the way."""
        state = self._state
        image, answer, explanation = state.current, state.answer, state.explanation
        if image is None or answer is None or explanation is None:
            return
        edits, found = answer.request.edits, image.loaded_with(answer.request.edits)
        if found is None or edits != state.edits_of(state.pane):
            return
        if not self._settings.get(SWEEP_ENABLED) or state.computing or self._unwanted:
            return
        if not find(explanation.method).swept:
            return
        target = explanation.target.index
        if state.sweep is not None and _belongs(explanation, state.sweep):
            return
        if self._engine_lane.running is not None or self._engine_lane.has("sweep"):
            return
        request = replace(
            answer.request,
            layer=None,
            target=target,
            method=explanation.method,
            options=explanation.options,
            question=state.answered,
            expected=None,
            panes=len(state.panes),
        )
        loaded: LoadedImage = found
        job = Job(
            "Computing the maps of all layers",
            lambda watch: self._worker.sweep(loaded, request, watch),
            slot="sweep",
            priority=Priority.IDLE,
        )
        job.finished.connect(self._swept)
        job.failed.connect(self._gave_up)
        self._engine_lane.submit(job)

    def _swept(self, swept: SweepAnswer) -> None:
        source, explanation = self._state.model_source, self._state.explanation
        image, request = self._state.current, swept.request
        if image is None or source is None or explanation is None:
            return
        edits = self._state.edits_of(self._state.pane)
        current = image.key, image.revision, source.key, edits
        if (request.image, request.revision, request.model, request.edits) != current:
            return
        if not _belongs(explanation, swept):
            return
        for explanation in swept.explanations.values():
            self._state.note_forward(explanation.seconds.forward)
        self._state.sweep = swept
        self._state.sweep_changed.emit()
        self._state.warn(swept.notices)

    def _gave_up(self, error: HookscopeError) -> None:
        self._unwanted = True
        self._state.notify(NoticeKind.WARNING, f"Cannot compute the layer thumbnails: {error}")

    def draw_thumbnails(self, size: int) -> None:
        """Render the thumbnails of the layer tree, size device pixels each."""
        sweep = self._state.sweep
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
        job.finished.connect(lambda drawn: self._drawn(sweep, drawn))
        self._file_lane.submit(job)

    def _drawn(self, sweep: SweepAnswer, drawn: object) -> None:
        if sweep is self._state.sweep:
            self.thumbnails_ready.emit(drawn)


def _maps_asked(request: Request) -> tuple[object, ...]:
    """What a request and a sweep must have in common, apart from the class."""
    how = request.method, request.options, request.question
    return request.image, request.revision, request.model, request.edits, *how


def _belongs(shown: Explanation, sweep: SweepAnswer) -> bool:
    """Whether a sweep has the class, question and method of the map that is shown."""
    request = sweep.request
    if sweep.asked is not None and sweep.asked != shown.asked:
        return False
    return (shown.target.index, shown.method, shown.options) == (
        sweep.target,
        request.method,
        request.options,
    )
