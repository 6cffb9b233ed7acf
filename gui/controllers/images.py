"""The open images: finds, reads, selects and closes them, and updates their part of the state.

The main controller explains the selected one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.errors import HookscopeError, ImageError
from engine.formats.demo import SCENES, Scene
from engine.keeping.pixels import KeptPixels
from engine.records.images import LoadedImage
from engine.records.sources import ModelSource
from gui.controllers.undo.history import History
from gui.jobs.file_work import (
    Decoded,
    Found,
    decode,
    decode_bytes,
    decode_qimage,
    read_thumbnail,
    scan,
    small,
    stamp_of,
)
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.settings import MAX_IMAGES, Settings
from gui.state.state import AS_PAGE, OPEN_MANY, REOPEN, Notice, NoticeKind, OpenImage, State

# Memory for decoded images other than the current one, kept for going back.
_KEEP_BYTES = 1_500_000_000
MANY = 500
"""More images than this are opened at once only after a question."""

_MOST_CLOSED = 10
"""How often closing can be undone."""

WORTH_A_PAGE = 50
"""A folder with more images is worth a page of its own."""

# RGB for the engine, and the pyramid of 32-bit pictures for the canvas.
_BYTES_A_PIXEL = 3 + 4 * 4 / 3


@dataclass(frozen=True, slots=True, eq=False)
class _Closed:
    """Images that were closed at once. current: the key of the one that was shown, None if it was
    another; layer: that was selected then, with this model."""

    images: list[OpenImage]
    current: str | None
    layer: str | None
    model: ModelSource | None


class Images(QObject):
    """Fills the state's images through the file lane.

    leaving: another image or page was selected, or none; results of the previous one are void.
    added(keys): these were opened from files, and the first of them is shown.
    ready: the current image is decoded. thumbnail_ready(key, QImage). reopened(layer): images that
    were closed are open again, and this layer was selected then; None for the default one.
    model_found(ModelSource), classes_found(path), profile_found(path), session_found(Path),
    paged_found(paths): other dropped files, and what opens as a folder page.
    """

    leaving = Signal()
    added = Signal(object)
    ready = Signal()
    thumbnail_ready = Signal(str, QImage)
    model_found = Signal(object)
    classes_found = Signal(str)
    profile_found = Signal(str)
    paged_found = Signal(object)
    session_found = Signal(object)
    reopened = Signal(object)

    def __init__(
        self, state: State, settings: Settings, lane: Lane, history: History, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._history = history
        self._next_key = 0
        self._next_scan = 0
        self._used: dict[str, None] = {}
        self._closed: list[_Closed] = []
        self._many: tuple[Found, Path | None] | None = None
        self._made_room = False

    def open_scenes(self) -> None:
        """Open the embedded scenes and select the first."""
        known = self._known()
        keys: list[str] = []
        for scene in SCENES:
            # The first is decoded at once, which yields its thumbnail as well.
            key = known.get(scene.path) or self._add(scene.path, scene.title, scene, bool(keys))
            keys.append(key)
        self.select(keys[0])

    def open_paths(
        self,
        paths: Sequence[Path],
        current: Path | None = None,
        *,
        ask: bool = False,
        paged: bool = False,
    ) -> None:
        """Open image files and folders of images, and select current or the first of them. Models
        among them are announced by a signal.

        ask: if they are many, say so first; open_many then opens them. paged: folders of images
        open as a page.
        """
        # Ahead of the pending thumbnails of another folder.
        self._next_scan += 1
        job = Job(
            "Searching for images",
            lambda watch: scan(paths, watch, paged=paged),
            slot=f"scan {self._next_scan}",
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda found: self._found(found, current, ask))
        self._lane.submit(job)

    def open_many(self) -> None:
        """Open the images that were asked about."""
        if self._many is not None:
            (found, current), self._many = self._many, None
            self._found(found, current, ask=False)

    def blank(self, path: Path | None, name: str, scene: Scene | None) -> OpenImage:
        """An image to be filled with what was chosen for it, for take_up."""
        self._next_key += 1
        return OpenImage(f"image-{self._next_key}", name, path, scene)

    def take_up(self, images: Sequence[OpenImage]) -> None:
        """Open images with what was chosen for them, and select none."""
        for image in images:
            self._state.images[image.key] = image
            self._state.image_added.emit(image.key)
            if image.path is not None:
                self._read_thumbnail(image.key, image.path)
            elif image.pixels is not None:
                self._decode_pixels(image, image.pixels)

    def relocate(self, image: OpenImage, path: Path) -> None:
        """The file of an open image is here now; it is read again, with what was chosen for it."""
        image.path = path
        image.let_go()
        image.error = ""
        image.revision += 1
        self._state.image_updated.emit(image.key)
        if image.key == self._state.current_key:
            self.leaving.emit()
            self._decode(image.key, path)
        else:
            self._read_thumbnail(image.key, path)

    def open_bytes(self, data: bytes, name: str) -> None:
        """Open the bytes of an image file (dropped from a browser, say)."""
        kept = KeptPixels(data)
        self._open_unnamed(lambda watch: decode_bytes(data, name, watch), kept)

    def open_qimage(self, image: QImage, name: str) -> None:
        """Open an image that has no file (pasted)."""
        self._open_unnamed(lambda _watch: decode_qimage(image, name))

    def select(self, key: str) -> None:
        """Make an image the current one, and decode it if necessary."""
        image = self._state.images.get(key)
        if image is None or key == self._state.current_key:
            return
        self._state.note_left()
        self._state.current_key = key
        # state.images has the order of the strip; _used has the order of use.
        self._used.pop(key, None)
        self._used[key] = None
        self.leaving.emit()
        self._state.current_changed.emit()
        if image.loaded is not None:
            self.ready.emit()
        elif image.path is not None:
            self._decode(key, image.path)

    def note_sight(self, key: str, sight: tuple[float, float, float] | None) -> None:
        """What is looked at of an image, as in OpenImage."""
        image = self._state.images.get(key)
        if image is not None:
            image.sight = sight

    def turn_to(self, image: OpenImage, page: int) -> None:
        """Show another page of the current image, which has a file; results become void."""
        assert image.path is not None
        image.page = page
        image.revision += 1
        image.let_go()
        self.leaving.emit()
        self._state.current_changed.emit()
        self._decode(image.key, image.path)

    def step(self, by: int) -> None:
        """Select the image `by` places further on; stops at the ends."""
        key = self.beside(by)
        if key is not None:
            self.select(key)

    def beside(self, by: int) -> str | None:
        """The key of the image `by` places further on than the current one, at most the last."""
        keys = list(self._state.images)
        if self._state.current_key not in keys:
            return None
        place = keys.index(self._state.current_key) + by
        return keys[min(max(place, 0), len(keys) - 1)]

    def want(self, key: str) -> None:
        """Read an image that is to be shown beside the current one, unless it is there."""
        image = self._state.images[key]
        if image.loaded is None and not image.error and image.path is not None:
            self._used = {key: None, **self._used}
            if key != self._state.current_key and not self._lane.has(f"decode {key}"):
                self._decode(key, image.path)

    def close(self, key: str) -> None:
        """Close an image; if it was the current one, select its neighbour."""
        self.close_many([key])

    def close_many(self, keys: Sequence[str]) -> None:
        """Close several images at once, which undo and reopen bring back together."""
        images = self._state.images
        closing = [images[key] for key in keys if key in images]
        if not closing:
            return
        state = self._state
        keys = [image.key for image in closing]
        current = state.current_key if state.current_key in keys else None
        closed = _Closed(closing, current, state.layer, state.model_source)
        self._do_close(closed)
        words = "close image" if len(closing) == 1 else f"close {len(closing):,} images"
        self._history.do(
            words, lambda: self._do_close(closed), lambda: self._bring_back(closed), done=True
        )

    def _do_close(self, closed: _Closed) -> None:
        self._closed.append(closed)
        del self._closed[:-_MOST_CLOSED]
        there = [image.key for image in closed.images if image.key in self._state.images]
        # The current one goes last, so that no other is read on the way.
        for key in sorted(there, key=lambda key: key == self._state.current_key):
            self._close(key)

    @property
    def can_reopen(self) -> bool:
        """Whether images were closed that can be opened again."""
        return bool(self._closed)

    def reopen(self) -> None:
        """Open the images again that were closed last, with what was chosen for them."""
        if not self._closed:
            return
        closed = self._closed[-1]
        self._bring_back(closed)
        count = len(closed.images)
        words = "reopen image" if count == 1 else f"reopen {count:,} images"
        self._history.do(
            words, lambda: self._bring_back(closed), lambda: self._do_close(closed), done=True
        )

    def _bring_back(self, closed: _Closed) -> None:
        if closed in self._closed:
            self._closed.remove(closed)
        known = self._known()
        images = [one for one in closed.images if one.path is None or one.path not in known]
        for image in images:
            self._state.images[image.key] = image
            self._state.image_added.emit(image.key)
            if image.path is not None:
                self._read_thumbnail(image.key, image.path)
            elif image.loaded is not None:
                self._draw_thumbnail(image.key, image.loaded)
        keys = [image.key for image in images]
        if keys:
            self.select(closed.current if closed.current in keys else keys[0])
            if closed.current in keys and closed.model == self._state.model_source:
                self.reopened.emit(closed.layer)
        else:
            self._state.current_changed.emit()

    def _draw_thumbnail(self, key: str, loaded: LoadedImage) -> None:
        job = Job("Reading thumbnails", lambda _watch: small(loaded))
        job.finished.connect(lambda image: self.thumbnail_ready.emit(key, image))
        self._lane.submit(job)

    def _close(self, key: str) -> None:
        image = self._state.images[key]
        if key == self._state.current_key:
            self._state.note_left()
        if image.path is not None:
            # It can be read again.
            image.let_go()
        keys = list(self._state.images)
        place = keys.index(key)
        del self._state.images[key]
        self._used.pop(key, None)
        self._state.image_removed.emit(key)
        if key != self._state.current_key:
            return
        keys.remove(key)
        if keys:
            self.select(keys[min(place, len(keys) - 1)])
            return
        self._state.current_key = None
        self.leaving.emit()
        self._state.current_changed.emit()

    def cancel(self) -> None:
        """Cancel the search in folders, and the image that is being read."""
        self._lane.cancel("scan")
        running = self._lane.running
        if running is not None and running.reading:
            running.cancel()

    def _known(self) -> dict[Path, str]:
        return {image.path: key for key, image in self._state.images.items() if image.path}

    def _found(self, found: Found, current: Path | None, ask: bool) -> None:
        known = self._known()
        count = sum(path not in known for path in found.images)
        if ask and count > MANY:
            self._many = replace(found, model=None), current
            said, action = f"These are {count:,} images.", (OPEN_MANY, "")
            if found.folder is not None:
                said += " A folder page shows them as a table with charts."
                action = AS_PAGE, str(found.folder)
            said += " Close this notice to open none of them."
            self._state.notify(NoticeKind.WARNING, said, *action)
            found = replace(found, images=(), refused="")
        keys: list[str] = []
        fresh = [place for place, path in enumerate(found.images) if path not in known]
        chosen = found.images.index(current) if current in found.images else min(fresh, default=0)
        for path in found.images:
            key = known.get(path)
            if key is None:
                # The selected one is decoded at once, which yields its thumbnail as well.
                key = self._add(path, path.name, None, len(keys) != chosen)
            else:
                self._look_again(key)
            keys.append(key)
        there = [path for path in found.images if path not in found.missing]
        for path in reversed(there[:MAX_IMAGES]):
            self._settings.add_recent_image(path)
        if keys:
            self.select(keys[chosen])
            self.added.emit([keys[place] for place in fresh])
            if fresh:
                self._make_room()
        if found.model is not None:
            self.model_found.emit(found.model)
        if found.classes is not None:
            self.classes_found.emit(str(found.classes))
        if found.profile is not None:
            self.profile_found.emit(str(found.profile))
        if found.session is not None:
            self.session_found.emit(found.session)
        if found.paged:
            self.paged_found.emit(found.paged)
        if found.folder is not None and len(keys) > WORTH_A_PAGE:
            self._state.notify(
                NoticeKind.HINT, f"{len(keys):,} images were opened.", AS_PAGE, str(found.folder)
            )
        if found.refused:
            self._state.notify(NoticeKind.WARNING, found.refused)

    def _make_room(self) -> None:
        """The user's first own images take the place of the demo scenes, unless one of these is
        worked with."""
        images = self._state.images
        scenes = [key for key, image in images.items() if image.scene is not None]
        if self._made_room or len(scenes) == len(images):
            return
        self._made_room = True
        beside = {pane.current_key for pane in self._state.others}
        if scenes and not any(key in beside or _is_used(images[key]) for key in scenes):
            self.close_many(scenes)
            words = "The demo scenes have made room for your images."
            self._state.noticed.emit(Notice(NoticeKind.INFO, words, REOPEN, yields=True))

    def _look_again(self, key: str) -> None:
        """Read an open file again, if it has changed or could not be read before."""
        image = self._state.images[key]
        if image.path is None or not (image.error or image.stamp != stamp_of(image.path)):
            return
        image.let_go()
        image.error = ""
        image.page = 1
        image.revision += 1
        self._state.image_updated.emit(key)
        if key == self._state.current_key:
            self.leaving.emit()
            self._decode(key, image.path)
        else:
            self._read_thumbnail(key, image.path)

    def _add(
        self,
        path: Path | None,
        name: str,
        scene: Scene | None = None,
        with_thumbnail: bool = True,
    ) -> str:
        self._next_key += 1
        key = f"image-{self._next_key}"
        self._state.images[key] = OpenImage(key, name, path, scene)
        self._state.image_added.emit(key)
        if path is not None and with_thumbnail:
            self._read_thumbnail(key, path)
        return key

    def _read_thumbnail(self, key: str, path: Path) -> None:
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

    def _decode_pixels(self, image: OpenImage, kept: KeptPixels) -> None:
        """Read an image that a session has, which stays decoded."""
        key, name, levels, policy = image.key, image.name, image.levels, self._state.policy
        job = Job(
            "Opening the image",
            lambda watch: decode_bytes(kept.encoded, name, watch, levels, policy),
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda decoded: self._decoded(key, decoded))
        job.failed.connect(lambda error: self._failed(key, error))
        self._lane.submit(job)

    def _open_unnamed(
        self, work: Callable[[Watch], Decoded], kept: KeptPixels | None = None
    ) -> None:
        """kept: the bytes that it is read from; None if there are none."""
        job = Job("Opening the image", work, priority=Priority.CLICK)
        job.finished.connect(lambda decoded: self._add_decoded(decoded, kept))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def _add_decoded(self, decoded: Decoded, kept: KeptPixels | None) -> None:
        key = self._add(None, decoded.loaded.name)
        self._state.images[key].pixels = kept or KeptPixels(pixels=decoded.loaded.pixels)
        self._decoded(key, decoded)
        self.select(key)
        self._state.warn(decoded.loaded.notices, image=key)
        self._make_room()

    def _decode(self, key: str, path: Path) -> None:
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
        job.finished.connect(lambda decoded: self._decoded(key, decoded, revision))
        job.failed.connect(lambda error: self._failed(key, error))
        job.cancelled.connect(lambda: self._stopped(key, path))
        self._lane.submit(job)

    def _decoded(self, key: str, decoded: Decoded, revision: int = 0) -> None:
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


def _is_used(image: OpenImage) -> bool:
    """Whether something was chosen or noted for an image."""
    chosen = image.targets or image.expected or image.questions
    return bool(chosen or image.notes or image.edits.steps)


def _names(path: Path) -> tuple[str, ...]:
    """What the log leaves out of an image's path, since it may name a patient; longest first."""
    return str(path.absolute()), str(path), path.name
