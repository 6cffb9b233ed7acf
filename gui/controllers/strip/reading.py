"""Reads the open images and their thumbnails, and frees decoded ones that can be read again."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.errors import HookscopeError, ImageError
from engine.keeping.pixels import KeptPixels
from engine.records.images import LoadedImage
from gui.jobs.files.decoding import Decoded, decode, decode_bytes, read_thumbnail, small
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.images import OpenImage
from gui.state.state import State

# Memory for decoded images other than the current one, kept for going back.
_KEEP_BYTES = 1_500_000_000

# RGB for the engine, and the pyramid of 32-bit pictures for the canvas.
_BYTES_A_PIXEL = 3 + 4 * 4 / 3


class Reader(QObject):
    """Fills in what the state's images look like, through the file lane.

    ready: the current image is decoded. thumbnail_ready(key, QImage).
    """

    ready = Signal()
    thumbnail_ready = Signal(str, QImage)

    def __init__(self, state: State, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._lane = lane
        # state.images has the order of the strip; this has the order of use.
        self._used: dict[str, None] = {}

    def note_use(self, key: str) -> None:
        """This image is looked at now."""
        self._used.pop(key, None)
        self._used[key] = None

    def forget(self, key: str) -> None:
        """This image is open no more."""
        self._used.pop(key, None)

    def want(self, key: str) -> None:
        """Read an image that is to be shown beside the current one, unless it is there."""
        image = self._state.images[key]
        if image.loaded is None and not image.error and image.path is not None:
            self._used = {key: None, **self._used}
            if key != self._state.current_key and not self._lane.has(f"decode {key}"):
                self.decode(key, image.path)

    def thumbnail(self, key: str, path: Path) -> None:
        """Read the thumbnail of an image file."""
        job = Job(
            "Reading thumbnails",
            lambda watch: read_thumbnail(path, watch),
            reading=path.name,
            unlogged=_names(path),
        )
        job.finished.connect(lambda image: self.thumbnail_ready.emit(key, image))
        job.failed.connect(lambda error: self._failed(key, error))
        job.cancelled.connect(lambda: self._stopped(key, path))
        self._lane.submit(job)

    def draw_thumbnail(self, key: str, loaded: LoadedImage) -> None:
        """Draw the thumbnail of a decoded image."""
        job = Job("Reading thumbnails", lambda _watch: small(loaded))
        job.finished.connect(lambda image: self.thumbnail_ready.emit(key, image))
        self._lane.submit(job)

    def decode(self, key: str, path: Path) -> None:
        """Read an image from its file, which yields its thumbnail as well."""
        current = key == self._state.current_key
        if current:
            self._state.set_computing(True)
        image, policy = self._state.images[key], self._state.policy
        page, levels, revision = image.page, image.levels, image.revision
        job = Job(
            f"Opening {path.name}",
            lambda watch: decode(path, watch, page, levels, policy),
            slot="decode" if current else f"decode {key}",
            priority=Priority.CLICK,
            reading=path.name,
            unlogged=_names(path),
        )
        job.finished.connect(lambda decoded: self.take(key, decoded, revision))
        job.failed.connect(lambda error: self._failed(key, error))
        job.cancelled.connect(lambda: self._stopped(key, path))
        self._lane.submit(job)

    def decode_pixels(self, image: OpenImage, kept: KeptPixels) -> None:
        """Read an image that a session has, which stays decoded."""
        key, name, levels, policy = image.key, image.name, image.levels, self._state.policy
        job = Job(
            "Opening the image",
            lambda watch: decode_bytes(kept.encoded, name, watch, levels, policy),
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda decoded: self.take(key, decoded))
        job.failed.connect(lambda error: self._failed(key, error))
        self._lane.submit(job)

    def take(self, key: str, decoded: Decoded, revision: int = 0) -> None:
        """Fill in what was decoded, unless the image was closed or is another one (revision) by
        now."""
        image = self._state.images.get(key)
        if image is None or image.revision != revision:
            return
        image.loaded, image.picture, image.error = decoded.loaded, decoded.picture, ""
        image.stamp, image.asked = decoded.stamp, decoded.asked
        image.pages = decoded.loaded.pages
        self._state.image_updated.emit(key)
        self.thumbnail_ready.emit(key, decoded.thumbnail)
        self._forget_old()
        if key == self._state.current_key:
            self._state.warn(decoded.loaded.notices, image=key)
            self.ready.emit()

    def _failed(self, key: str, error: HookscopeError) -> None:
        image = self._state.images.get(key)
        if image is None or image.loaded is not None:
            return
        image.error = str(error)
        self._state.image_updated.emit(key)
        if key == self._state.current_key:
            self._state.set_computing(False)

    def _stopped(self, key: str, path: Path) -> None:
        """Reading was cancelled: by the user, unless it made way for another image."""
        if key == self._state.current_key and not self._lane.has("decode"):
            self._failed(key, ImageError(f"{path}: reading was stopped; select it to try again"))

    def _forget_old(self) -> None:
        """Free decoded images that can be read again, least recently used first."""
        kept = 0.0
        shown = {pane.current_key for pane in self._state.panes}
        for key in reversed(self._used):
            image = self._state.images[key]
            if image.loaded is None or image.path is None or key in shown:
                continue
            kept += image.loaded.width * image.loaded.height * _BYTES_A_PIXEL
            if image.loaded.depth is not None:
                kept += image.loaded.depth.values.nbytes
            if kept > _KEEP_BYTES:
                image.let_go()


def _names(path: Path) -> tuple[str, ...]:
    """What the log leaves out of an image's path, since it may name a patient; longest first."""
    return str(path.absolute()), str(path), path.name
