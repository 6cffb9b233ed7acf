"""How far the map on the screen can be trusted: free figures at once, the others on request.

Figures are remembered for each view as long as its image is open. Nothing is computed but for the
page that is open, and nothing that takes a pass unless the user asks for it.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.images import LoadedImage
from engine.records.workbench.trust import Box, Fill, Marked, TrustFigure, TrustSettings
from gui.controllers.figures.panes import request_of
from gui.jobs import trust_work
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.notices import NoticeKind
from gui.state.records import Request
from gui.state.state import State

GROUPS: tuple[tuple[str, ...], ...] = (
    ("deletion", "insertion"),
    ("stability", "other-class"),
    ("road",),
    ("randomisation",),
    ("agreement",),
)
"""What one job computes; a click is answered between two of them. Deletion and insertion share
their random orders."""

_SLOT, _MARKS = "trust", "trust marks"
_MOST_VIEWS = 200


class Trusting(QObject):
    """Asks the lanes for figures.

    changed: figures, what is under way, or what is marked is another. progressed(fraction, words).
    """

    changed = Signal()
    progressed = Signal(float, str)

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
        self._state, self._settings = state, settings
        self._engine_lane, self._file_lane, self._worker = engine_lane, file_lane, worker
        self._open = False
        self._known: dict[Request, dict[str, TrustFigure]] = {}
        self._marks: dict[str, Marked] = {}
        self._localised: tuple[object, tuple[TrustFigure, ...]] | None = None
        self._running: Request | None = None
        self._waiting: list[tuple[str, ...]] = []
        self._total = 0
        self.problem = ""
        self.fill = TrustSettings().fill
        self.threshold = TrustSettings().threshold
        for signal in (state.answer_changed, state.current_changed, state.model_changed):
            signal.connect(self._follow)
        state.image_removed.connect(self._forget_closed)

    def look_at(self, page: str) -> None:
        """Set the page that is open; what is under way for another one stops."""
        self._open = page == "trust"
        if not self._open:
            self.stop()
        self._follow()

    # --- what is known ---------------------------------------------------------------------------

    @property
    def request(self) -> Request | None:
        """The view on the screen; None without a map."""
        found = request_of(self._state, self._settings.get(EXACT))
        loaded = found is not None and self._loaded() is not None
        return found if loaded else None

    @property
    def figures(self) -> dict[str, TrustFigure]:
        """What is known of the map on the screen, by name."""
        shown, request = self._state.explanation, self.request
        if shown is None or request is None:
            return {}
        from engine.metrics.alone import free_figures

        found = {figure.name: figure for figure in free_figures(shown)}
        found |= self._known.get(request, {})
        if self._localised is not None and self._localised[0] == self._place():
            found |= {figure.name: figure for figure in self._localised[1]}
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known before any figure."""
        from engine.metrics.alone import notes_on

        shown = self._state.explanation
        return notes_on(shown) if shown is not None else ()

    @property
    def marked(self) -> Marked | None:
        """What is marked in the image on the screen; None for nothing."""
        return self._marks.get(self._state.current_key or "")

    @property
    def busy(self) -> bool:
        """Whether figures of the view on the screen are being computed."""
        return self._running is not None

    @property
    def under_way(self) -> tuple[str, ...]:
        """The figures that are being computed, the first of them now."""
        return tuple(name for group in self._waiting for name in group) if self.busy else ()

    # --- figures ---------------------------------------------------------------------------------

    def measure(self) -> None:
        """Compute what takes passes, one group after the other; all of it anew if it is known."""
        request = self.request
        if request is None or self.busy:
            return
        known = self._known.setdefault(request, {})
        lacking = [group for group in GROUPS if not known.keys() >= set(group)]
        if not lacking:
            known.clear()
        self._running, self._waiting = request, lacking or list(GROUPS)
        self._total, self.problem = len(self._waiting), ""
        while len(self._known) > _MOST_VIEWS:
            del self._known[next(iter(self._known))]
        self.changed.emit()
        self._next()

    def stop(self) -> None:
        """Stop what is under way; figures that are complete stay."""
        if self._running is not None:
            self._running, self._waiting = None, []
            self._engine_lane.cancel(_SLOT)
            self.changed.emit()

    def set_fill(self, fill: Fill) -> None:
        """What hides cells in deletion and insertion from now on."""
        if fill is not self.fill:
            self.stop()
            self.fill = fill
            for known in self._known.values():
                for name in GROUPS[0]:
                    known.pop(name, None)
            self.changed.emit()

    def _next(self) -> None:
        request, image = self._running, self._loaded()
        if request is None or image is None:
            return
        names, loaded = self._waiting[0], image
        settings = TrustSettings(fill=self.fill)
        job = Job(
            "Measuring how far the map can be trusted",
            lambda watch: trust_work.figures(self._worker, loaded, request, names, settings, watch),
            slot=_SLOT,
        )
        done = self._total - len(self._waiting)
        total = self._total
        job.progressed.connect(
            lambda part, words: self.progressed.emit((done + part) / total, words)
        )
        job.finished.connect(lambda found: self._found(request, found))
        job.failed.connect(lambda error: self._failed(request, error))
        job.cancelled.connect(lambda: self._cancelled(request))
        self._engine_lane.submit(job)

    def _found(self, request: Request, figures: tuple[TrustFigure, ...]) -> None:
        known = self._known.setdefault(request, {})
        known.update({figure.name: figure for figure in figures})
        if request != self._running:
            return
        self._waiting = self._waiting[1:]
        if not self._waiting:
            self._running = None
        self.changed.emit()
        self._next()

    def _failed(self, request: Request, error: HookscopeError) -> None:
        if request == self._running:
            self._running, self._waiting, self.problem = None, [], str(error)
            self.changed.emit()

    def _cancelled(self, request: Request) -> None:
        """By the button of the status bar, or by Esc."""
        if request == self._running:
            self._running, self._waiting = None, []
            self.changed.emit()

    def _follow(self, *_: object) -> None:
        """Another map is on the screen."""
        if self._running is not None and self._running != self.request:
            self.stop()
        if self._open:
            self._localise()
            self.changed.emit()

    def _forget_closed(self, *_: object) -> None:
        """Of images that are no longer open nothing is remembered."""
        images = self._state.images
        for request in [one for one in self._known if one.image not in images]:
            del self._known[request]
        for key in [one for one in self._marks if one not in images]:
            del self._marks[key]

    def _loaded(self) -> LoadedImage | None:
        """What is explained: the image on the screen with its edits."""
        return self._state.loaded_of(self._state.pane)

    # --- what is marked --------------------------------------------------------------------------

    def load_marks(self, path: Path) -> None:
        """Read a file of boxes or a mask for the image on the screen."""
        key, image = self._state.current_key, self._loaded()
        if key is None or image is None:
            return
        loaded = image
        job = Job(
            f"Reading {path.name}",
            lambda _watch: trust_work.marked_by(path, loaded),
            slot=_MARKS,
            reading=path.name,
            unlogged=(str(path), path.name),
        )
        job.finished.connect(lambda marked: self._set_marks(key, marked))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._file_lane.submit(job)

    def mark(self, box: Box | None) -> None:
        """Mark a rectangle of the image on the screen, in place of what was; None for nothing."""
        key = self._state.current_key
        if key is not None:
            self._set_marks(key, None if box is None else Marked((box,), source="drawn"))

    def set_threshold(self, threshold: float) -> None:
        """Of the map's maximum, above which a cell belongs to its box."""
        self.threshold = threshold
        self._localise()

    def _set_marks(self, key: str, marked: Marked | None) -> None:
        if marked is None:
            self._marks.pop(key, None)
        else:
            self._marks[key] = marked
        self._localised = None
        self._localise()
        self.changed.emit()

    def _place(self) -> object:
        return self._state.explanation, self.marked, self.threshold

    def _localise(self) -> None:
        """Compare the map on the screen with what is marked."""
        shown, marked = self._state.explanation, self.marked
        place = self._place()
        if shown is None or marked is None or not self._open:
            return
        if self._localised is not None and self._localised[0] == place:
            return
        threshold = self.threshold
        job = Job(
            "Comparing the map with what is marked",
            lambda _watch: trust_work.localised(shown, marked, threshold),
            slot="trust places",
            stoppable=False,
        )
        job.finished.connect(lambda found: self._placed(place, found))
        self._file_lane.submit(job)

    def _placed(self, place: object, figures: tuple[TrustFigure, ...]) -> None:
        self._localised = place, figures
        self.changed.emit()
