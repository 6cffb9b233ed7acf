"""The open images: opens and selects them, and updates their part of the state.

Finding, reading and closing are in gui/controllers/strip; the main controller explains the selected
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from engine.formats.demo import SCENES, Scene
from engine.keeping.pixels import KeptPixels
from gui.controllers.strip.closing import Closing
from gui.controllers.strip.finding import Finder
from gui.controllers.strip.reading import Reader
from gui.controllers.undo.history import History
from gui.jobs.files.decoding import Decoded, decode_bytes, decode_qimage
from gui.jobs.files.finding import Found, stamp_of
from gui.jobs.lanes import Job, Lane, Priority, Watch
from gui.settings.store import Settings
from gui.settings.table import MAX_IMAGES
from gui.state.images import OpenImage
from gui.state.notices import REOPEN, Notice, NoticeKind
from gui.state.state import State


class Images(QObject):
    """Fills the state's images through the file lane.

    leaving: another image or page was selected, or none; results of the previous one are void.
    added(keys): these were opened from files, and the first of them is shown.
    ready: the current image is decoded. thumbnail_ready(key, QImage). reopened(layer): images that
    were closed are open again, and this layer was selected then; None for the default one.
    """

    leaving = Signal()
    added = Signal(object)
    ready = Signal()
    thumbnail_ready = Signal(str, QImage)
    reopened = Signal(object)

    def __init__(
        self, state: State, settings: Settings, lane: Lane, history: History, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._lane = lane
        self._next_key = 0
        self._reader = Reader(state, lane, self)
        self._reader.ready.connect(self.ready)
        self._reader.thumbnail_ready.connect(self.thumbnail_ready)
        self._closing = Closing(state, history, self._reader, self.select, self)
        self._closing.none_left.connect(self.leaving)
        self._closing.reopened.connect(self.reopened)
        self.finder = Finder(state, lane, self._open_found, self)
        self._made_room = False
        self._given: set[str] = set()

    def open_scenes(self) -> None:
        """Open the embedded scenes and select the first."""
        known = self._state.keys_by_path
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
        """Open image files and folders of images, and select current or the first of them. Other
        files among them are announced by the finder.

        ask: if they are many, say so first; Finder.open_many then opens them. paged: folders of
        images open as a page.
        """
        self.finder.look(paths, current, ask=ask, paged=paged)

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
                self._reader.thumbnail(image.key, image.path)
            elif image.pixels is not None:
                self._reader.decode_pixels(image, image.pixels)

    def relocate(self, image: OpenImage, path: Path) -> None:
        """The file of an open image is here now; it is read again, with what was chosen for it."""
        image.path = path
        self._read_again(image, path)

    def _read_again(self, image: OpenImage, path: Path) -> None:
        image.let_go()
        image.error = ""
        image.revision += 1
        self._state.image_updated.emit(image.key)
        if image.key == self._state.current_key:
            self.leaving.emit()
            self._reader.decode(image.key, path)
        else:
            self._reader.thumbnail(image.key, path)

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
        self._reader.note_use(key)
        self.leaving.emit()
        self._state.current_changed.emit()
        if image.loaded is not None:
            self.ready.emit()
        elif image.path is not None:
            self._reader.decode(key, image.path)

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
        self._reader.decode(image.key, image.path)

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
        self._reader.want(key)

    def close(self, key: str) -> None:
        """Close an image; if it was the current one, select its neighbour."""
        self.close_many([key])

    def close_many(self, keys: Sequence[str]) -> None:
        """Close several images at once, which undo and reopen bring back together."""
        self._closing.close(keys)

    @property
    def can_reopen(self) -> bool:
        """Whether images were closed that can be opened again."""
        return self._closing.can_reopen

    def reopen(self) -> None:
        """Open the images again that were closed last, with what was chosen for them."""
        self._closing.reopen()

    def cancel(self) -> None:
        """Cancel the search in folders, and the image that is being read."""
        self.finder.cancel()
        running = self._lane.running
        if running is not None and running.reading:
            running.cancel()

    def _open_found(self, found: Found, current: Path | None) -> None:
        known = self._state.keys_by_path
        keys: list[str] = []
        fresh = [place for place, path in enumerate(found.images) if path not in known]
        chosen = found.images.index(current) if current in found.images else min(fresh, default=0)
        for path in found.images:
            key = known.get(path)
            if key is None:
                # The selected one is decoded at once, which yields its thumbnail as well.
                key = self._add(path, path.name, None, len(keys) != chosen)
            else:
                self._look_again(self._state.images[key])
            keys.append(key)
        there = [path for path in found.images if path not in found.missing]
        for path in reversed(there[:MAX_IMAGES]):
            self._settings.add_recent_image(path)
        self.select(keys[chosen])
        self.added.emit([keys[place] for place in fresh])
        if fresh:
            self._make_room()

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

    def _look_again(self, image: OpenImage) -> None:
        """Read an open file again, if it has changed or could not be read before."""
        if image.path is not None and (image.error or image.stamp != stamp_of(image.path)):
            image.page = 1
            self._read_again(image, image.path)

    def _add(
        self,
        path: Path | None,
        name: str,
        scene: Scene | None = None,
        with_thumbnail: bool = True,
    ) -> str:
        image = self.blank(path, name, scene)
        self._state.images[image.key] = image
        self._state.image_added.emit(image.key)
        if path is not None and with_thumbnail:
            self._reader.thumbnail(image.key, path)
        return image.key

    def _open_unnamed(
        self, work: Callable[[Watch], Decoded], kept: KeptPixels | None = None
    ) -> None:
        """kept: the bytes that it is read from; None if there are none."""
        job = Job("Opening the image", work, priority=Priority.CLICK)
        job.finished.connect(lambda decoded: self._add_decoded(decoded, kept))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._lane.submit(job)

    def _add_decoded(self, decoded: Decoded, kept: KeptPixels | None) -> None:
        decoded = self._named_apart(decoded)
        key = self._add(None, decoded.loaded.name)
        self._state.images[key].pixels = kept or KeptPixels(pixels=decoded.loaded.pixels)
        self._reader.take(key, decoded)
        self.select(key)
        self._state.warn(decoded.loaded.notices, image=key)
        self._make_room()

    def _named_apart(self, decoded: Decoded) -> Decoded:
        """With a name that no other image without a file has or had: edits and exports name them
        so, and one that was closed may be reopened."""
        taken = {image.name for image in self._state.images.values() if image.path is None}
        taken |= self._given.union(self._state.pieces)
        name, number = decoded.loaded.name, 2
        while name in taken:
            name, number = f"{decoded.loaded.name} ({number})", number + 1
        self._given.add(name)
        return replace(decoded, loaded=replace(decoded.loaded, name=name))


def _is_used(image: OpenImage) -> bool:
    """Whether something was chosen or noted for an image."""
    chosen = image.targets or image.expected or image.questions
    return bool(chosen or image.notes or image.edits.steps)
