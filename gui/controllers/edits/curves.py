"""The score of the explained class over the range of a change, computed while nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.edits.changes import CHANGES
from engine.errors import HookscopeError
from engine.records.edits import Change, Changing, Edits
from gui.controllers.edits.making import opened_images
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.jobs.live_work import curve_of
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.state import State

if TYPE_CHECKING:
    from engine.records.workbench.what_if import Curve

Asked = tuple[object, ...]


class Curves(QObject):
    """curve: of the change that is looked at, None while it is computed. problem: why there is
    none. changed: these are others."""

    changed = Signal()

    def __init__(
        self, state: State, settings: Settings, lane: Lane, worker: EngineWorker, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._worker = worker
        self._asked: Asked | None = None
        self._running = False
        self.what: Changing | None = None
        self.curve: Curve | None = None
        self.problem = ""
        state.answer_changed.connect(self._follow)
        state.current_changed.connect(self._follow)
        lane.idle.connect(self._follow)

    def look_at(self, what: Changing | None) -> None:
        """Compute the curve of a change from now on; None for no curve."""
        if what != self.what:
            self.what = what
            self._set(None, None, "")
        self._follow()

    def _set(self, asked: Asked | None, curve: Curve | None, problem: str) -> None:
        self._asked, self.curve, self.problem = asked, curve, problem
        self.changed.emit()

    def _follow(self) -> None:
        state, what = self._state, self.what
        answer, image, source = state.answer, state.current, state.model_source
        if what is None or answer is None or image is None or source is None:
            return
        loaded, shown = image.loaded, state.explained_class
        if loaded is None or shown is None or state.computing or self._running:
            return
        edits, at = placed(image.done, what)
        exact = self._settings.get(EXACT)
        # Without the amount of the change itself, which the curve goes over.
        neutral = Change(what, CHANGES[what].neutral)
        others = Edits((*edits.steps[:at], neutral, *edits.steps[at + 1 :]))
        asked: Asked = (loaded, source.key, shown.index, others, exact)
        if self._asked is not None and self._asked == asked:
            return
        if self._asked is not None and self._asked[:2] != asked[:2]:
            # That of another image says nothing here.
            self.curve = None
        self._asked, self._running = asked, True
        opened, target, key = opened_images(state), shown.index, source.key
        job = Job(
            f"Curve of {CHANGES[what].title.lower()}",
            lambda watch: curve_of(
                self._worker, key, loaded, others, at, target, opened, watch, exact=exact
            ),
            slot="curve",
            priority=Priority.IDLE,
        )
        job.finished.connect(lambda curve: self._found(asked, curve))
        job.failed.connect(lambda error: self._failed(asked, error))
        job.cancelled.connect(lambda: self._cancelled(asked))
        job.ended.connect(self._ended)
        self._lane.submit(job)
        self.changed.emit()

    def _ended(self) -> None:
        self._running = False

    def _found(self, asked: Asked, curve: Curve) -> None:
        if asked == self._asked and curve.what == self.what:
            self._set(asked, curve, "")

    def _failed(self, asked: Asked, error: HookscopeError) -> None:
        if asked == self._asked:
            self._set(asked, None, str(error))

    def _cancelled(self, asked: Asked) -> None:
        """It has made way for something more urgent, and is asked for again when that is done."""
        if asked == self._asked:
            self._asked = None


def placed(edits: Edits, what: Changing) -> tuple[Edits, int]:
    """The edits with a change of this kind, which does nothing where there was none; its place."""
    for place, step in enumerate(edits.steps):
        if isinstance(step, Change) and step.what is what:
            return edits, place
    return Edits((*edits.steps, Change(what, CHANGES[what].neutral))), len(edits.steps)
