"""The score of the explained class by where a part is pasted, as a map on the image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.lazy.numpy import np
from engine.records.edits import Edits, Paste
from engine.records.explanations import Explanation, Verdict
from engine.records.images import Region
from gui.controllers.edits.making import opened_images
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.jobs.live_work import positions_of
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.notices import NoticeKind
from gui.state.state import State

if TYPE_CHECKING:
    from engine.records.workbench.what_if import Positions


class Places(QObject):
    """shown: the map that is on the canvas in place of the answer's. changed: it is another one."""

    changed = Signal()

    def __init__(
        self, state: State, settings: Settings, lane: Lane, worker: EngineWorker, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._worker = worker
        self.shown: Explanation | None = None
        for other in (state.answer_changed, state.current_changed, state.panes_changed):
            other.connect(self.leave)
        state.edits_changed.connect(lambda _key: self.leave())

    def ask(self, at: int) -> None:
        """Compute the score for many positions of what the edit at this place of the list pastes;
        its map is shown when it is there."""
        state = self._state
        image, source, explained = state.current, state.model_source, state.explained_class
        if image is None or image.loaded is None or source is None or explained is None:
            return
        steps = image.edits.steps
        if not 0 <= at < len(steps) or not isinstance(steps[at], Paste):
            state.notify(NoticeKind.INFO, "Select a pasted part first.")
            return
        self.leave()
        # What comes after it would have to be done anew at each position.
        edits = Edits(tuple(replace(step, on=step.on or i == at) for i, step in enumerate(steps)))
        loaded, now, opened = image.loaded, image.edits, opened_images(state)
        key, target, exact = source.key, explained.index, self._settings.get(EXACT)
        job = Job(
            "Pasting at many positions",
            lambda watch: positions_of(
                self._worker, key, loaded, edits, at, target, opened, watch, exact=exact
            ),
            slot="positions",
            priority=Priority.WORK,
        )
        job.finished.connect(lambda found: self._found(image.key, now, found))
        job.failed.connect(lambda error: state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def leave(self) -> bool:
        """Show the answer's map again; whether another one was shown, or is on its way."""
        waited = self._lane.has("positions")
        self._lane.cancel("positions")
        left, self.shown = self.shown is not None, None
        if left:
            self.changed.emit()
        return left or waited

    def _found(self, key: str, now: Edits, found: Positions) -> None:
        state = self._state
        whole, image = state.explanation, state.current
        if whole is None or image is None or image.loaded is None:
            return
        if (image.key, image.edits) != (key, now):
            return
        from engine.edits.apply import frame_of

        frame = frame_of(state.edits_of(state.pane), image.loaded.width, image.loaded.height)
        region = found.region
        change = np.asarray(found.logits - found.target.logit, np.float32)
        self.shown = replace(
            whole,
            map=change,
            target=found.target,
            layer="pasted part",
            shape=change.shape,
            layout=None,
            fused=(),
            region=Region(region.x - frame.x, region.y - frame.y, region.width, region.height),
            verdict=Verdict.OK,
            notices=(),
            asked=replace(whole.asked, question="channel"),
            subject=f"{found.target.label} by position",
            number=f"(without it {found.target.said})",
            signs=("raises the class", "lowers the class"),
            measured="Change of the logit",
        )
        self.changed.emit()
