"""Reads which published models there are, when something asks for them.

That imports torchvision, which the first map can do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.errors import HookscopeError
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.state import State

if TYPE_CHECKING:
    from engine.formats.torchvision.gallery import PublishedModel

_SLOT = "published"


class Published(QObject):
    """Fills State.gallery, or State.gallery_error."""

    def __init__(self, state: State, lane: Lane, worker: EngineWorker, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._lane, self._worker = state, lane, worker

    def read(self) -> None:
        """Read the list, unless it is known or being read."""
        if self._state.gallery or self._lane.has(_SLOT):
            return
        self._state.gallery_error = None
        job = Job(
            "Reading the list of models",
            self._worker.published,
            slot=_SLOT,
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(self._known)
        job.failed.connect(self._failed)
        self._lane.submit(job)

    def _known(self, models: tuple[PublishedModel, ...]) -> None:
        self._state.gallery = models
        self._state.gallery_changed.emit()

    def _failed(self, error: HookscopeError) -> None:
        self._state.gallery_error = error
        self._state.gallery_changed.emit()
