"""The sample folder: scenes drawn here, opened as a page with the demo that takes a shortcut."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.sources import ModelSource
from gui.controllers.folder.folders import Folders
from gui.controllers.models import Models
from gui.jobs.folder import reading
from gui.jobs.lanes import Job, Watch
from gui.state.notices import NoticeKind
from gui.state.state import State

SAMPLE_MODEL = ModelSource("demo:shortcut")
_SLOT = "folder samples"


class SampleFolder(QObject):
    """progressed(share, words): of drawing the scenes; share is 1 when it has ended."""

    progressed = Signal(float, str)

    def __init__(self, state: State, models: Models, folders: Folders, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._models = models
        self._folders = folders
        self._drawing = False

    def open(self) -> None:
        """Open the folder and its model. The scenes are drawn first where they are not there."""
        job = Job("Drawing sample scenes", _draw, slot=_SLOT)
        job.progressed.connect(self.progressed)
        job.finished.connect(self._drawn)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        self._drawing = True
        self._folders.lanes[1].submit(job)

    def cancel(self) -> None:
        """Stop drawing, if that is what is going on."""
        if self._drawing:
            self._folders.lanes[1].cancel(_SLOT)

    def _drawn(self, folder: Path) -> None:
        if (self._state.model_loading or self._state.model_source) == SAMPLE_MODEL:
            self._models.keep()
        else:
            self._models.open(SAMPLE_MODEL)
        # Which waits for the model.
        self._folders.open_paths([folder])

    def _ended(self) -> None:
        self._drawing = False
        self.progressed.emit(1.0, "")

    def _failed(self, error: HookscopeError) -> None:
        self._state.notify(NoticeKind.ERROR, str(error))


def _draw(watch: Watch) -> Path:
    from engine.scenery import folder as scenes

    folder = reading.data_folder().with_name("samples") / "Sample scenes"
    return scenes.write_scenes(folder, scenes.COUNT, watch.cancel, watch.report)
