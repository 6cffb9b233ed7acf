"""Does the edits of the images on screen, whenever these or their edits are others.

Pixels are made on the file lane, or on the engine lane where an edit takes a map of the image.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.edits import Edits
from engine.records.images import LoadedImage
from gui.jobs.edit_work import Opened, make, needs_map
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.edited import EditedImage
from gui.state.images import OpenImage
from gui.state.notices import NoticeKind
from gui.state.panes import Pane
from gui.state.pieces import Piece
from gui.state.state import State

_LARGE = 2_000_000


class Making(QObject):
    """Fills OpenImage.edited. made(key): an image is there with its edits."""

    made = Signal(str)

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine: Lane,
        files: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._engine = engine
        self._files = files
        self._worker = worker
        self._wanted: dict[str, tuple[Edits, LoadedImage]] = {}
        self._refused: dict[str, tuple[Edits, LoadedImage]] = {}
        for changed in (state.image_updated, state.panes_changed, state.current_changed):
            changed.connect(self.follow)
        state.model_changed.connect(self._model_changed)

    def follow(self, _changed: object = None) -> None:
        """Make what the panes lack."""
        for pane in self._state.panes:
            image = self._state.images.get(pane.current_key or "")
            if image is not None and not pane.original:
                self._want(image, pane)

        self._free()

    def _model_changed(self) -> None:
        """The map that an edit goes by is one of the model."""
        for image in self._state.images.values():
            if needs_map(image.done):
                image.edited = None
                self.stop(image.key)
        self.follow()

    def _free(self) -> None:
        """Large images that are not on the screen are edited again when they are."""
        shown = {pane.current_key for pane in self._state.panes}
        for image in self._state.images.values():
            made = image.edited
            if made is None or image.key in shown:
                continue
            if made.loaded.width * made.loaded.height > _LARGE:
                image.edited = None

    def _want(self, image: OpenImage, pane: Pane) -> None:
        edits, loaded, key = image.done, image.loaded, image.key
        if loaded is None or (edits, loaded) in (self._wanted.get(key), self._refused.get(key)):
            return
        if image.loaded_with(edits) is not None:
            self.stop(key)
            self._refused.pop(key, None)
            image.edits_error = ""
            return
        if needs_map(edits) and pane.model_source is None:
            return
        self._wanted[key] = edits, loaded
        self._refused.pop(key, None)
        image.edits_error = ""
        opened = opened_images(self._state)
        source = pane.model_source.key if pane.model_source is not None else ""
        exact = self._settings.get(EXACT)

        def work(watch: Watch) -> EditedImage:
            if not needs_map(edits):
                return make(loaded, edits, opened, watch)
            masks = self._worker.masks_of(source, watch, exact=exact)
            return make(loaded, edits, opened, watch, masks)

        job = Job(
            "Editing the image", work, slot=f"edit {key}", priority=Priority.CLICK, unlogged=()
        )
        job.finished.connect(lambda made: self._made(key, made))
        job.failed.connect(lambda error: self._failed(key, (edits, loaded), error))
        self._files.cancel(f"edit {key}")
        self._engine.cancel(f"edit {key}")
        (self._engine if needs_map(edits) else self._files).submit(job)

    def stop(self, key: str) -> None:
        """Make no more of what an image was to become."""
        self._wanted.pop(key, None)
        for lane in (self._files, self._engine):
            lane.cancel(f"edit {key}")

    def _made(self, key: str, made: EditedImage) -> None:
        image = self._state.images.get(key)
        if self._wanted.get(key) == (made.edits, made.original):
            del self._wanted[key]
        if image is None or image.done != made.edits or image.loaded is not made.original:
            return
        image.edited = made
        self._state.image_updated.emit(key)
        self.made.emit(key)

    def _failed(self, key: str, wanted: tuple[Edits, LoadedImage], error: HookscopeError) -> None:
        """Nothing is tried again before the edits are others."""
        image = self._state.images.get(key)
        self._wanted.pop(key, None)
        if image is None or (image.done, image.loaded) != wanted:
            return
        self._refused[key] = wanted
        image.edits_error = str(error)
        self._state.edits_changed.emit(key)
        self._state.notify(NoticeKind.ERROR, str(error))


def opened_images(state: State) -> Opened:
    """The decoded images by what a paste calls them: path, or name without one; and the pieces,
    which may have the name of an image that is closed."""
    found: dict[str, LoadedImage | Piece] = {}
    for image in state.images.values():
        if image.loaded is not None:
            found[str(image.path) if image.path is not None else image.name] = image.loaded
    return found | state.pieces
