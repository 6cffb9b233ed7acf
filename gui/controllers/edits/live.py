"""What the network says of an image while it is being edited: the latest edits win.

One answer is computed at a time. What is asked meanwhile waits, and only the latest of it is asked
next, so that answers keep coming while the hand moves.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer

from engine.errors import HookscopeError
from engine.records.edits import Edits
from gui.controllers.edits.making import opened_images
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.jobs.live_work import LiveWork
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.edited import LiveScores
from gui.state.images import OpenImage
from gui.state.records import Request
from gui.state.state import State

_STILL_MS = 24
_WORTH = 0.5
"""The part of an answer's time after which it is not given up any more."""
_AT_LEAST_S = 0.05
"""While the hand moves, an answer is given up for a newer one only so soon after the last."""


class Live(QObject):
    """Fills State.live through the engine lane."""

    def __init__(
        self, state: State, settings: Settings, lane: Lane, worker: EngineWorker, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._work = LiveWork(worker)
        self._waiting: tuple[OpenImage, Edits] | None = None
        self._running: Job | None = None
        self._began = self._took = self._told = 0.0
        self._wanted = False
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_STILL_MS)
        self._still.timeout.connect(self._restart)
        state.current_changed.connect(self._left)

    def ask(self, image: OpenImage, edits: Edits) -> None:
        """Ask what the network says of an image with these edits, all of them switched on."""
        self._wanted = True
        self._waiting = image, edits
        self._still.start()
        if time.perf_counter() - self._told < _AT_LEAST_S:
            self._restart()
        self._next()

    def forget(self) -> None:
        """The edits are done, or others: what was said of them meanwhile is void."""
        self._waiting, self._wanted = None, False
        self._still.stop()
        if self._state.live is not None:
            self._state.live = None
            self._state.live_changed.emit()

    def _left(self) -> None:
        """Another image is shown: what the answers for the last one shared is freed."""
        self.forget()
        if self._work.begun:
            self._lane.submit(
                Job("Closing the image", lambda _watch: self._work.forget(), stoppable=False)
            )

    def _next(self) -> None:
        source = self._state.model_source
        if self._running is not None or self._waiting is None or source is None:
            return
        (image, edits), self._waiting = self._waiting, None
        loaded = image.loaded
        if loaded is None:
            return
        request = Request(
            0,
            image.key,
            source.key,
            revision=image.revision,
            exact=self._settings.get(EXACT),
            panes=len(self._state.panes),
            edits=edits,
        )
        opened = opened_images(self._state)
        job = self._running = Job(
            "Predicting",
            lambda watch: self._work.scores(loaded, request, opened, watch),
            slot="live",
            priority=Priority.CLICK,
        )
        job.finished.connect(self._answered)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        job.started.connect(self._start)
        self._lane.submit(job)

    def _start(self) -> None:
        self._began = time.perf_counter()

    def _ended(self) -> None:
        self._running = None
        self._next()

    def _restart(self) -> None:
        """What is computed is an answer to what the hand had done before: begin anew, unless that
        answer is nearly there."""
        if self._running is None or self._waiting is None:
            return
        if time.perf_counter() - self._began < _WORTH * self._took:
            self._running.cancel()

    def _answered(self, scores: LiveScores) -> None:
        self._told = time.perf_counter()
        self._took = self._told - self._began
        if self._wanted and scores.image == self._state.current_key:
            self._state.live = scores
            self._state.live_changed.emit()

    def _failed(self, _error: HookscopeError) -> None:
        """What cannot be edited so says why once the hand rests."""
