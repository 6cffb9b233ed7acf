"""On which of the opened images a channel is strongest: one image after the other, when idle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.lazy.numpy import np
from engine.records.images import LoadedImage
from gui.jobs import channel_work
from gui.jobs.channel_work import OpenedImage
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.images import OpenImage
from gui.state.inspected import ChannelGallery
from gui.state.state import State

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Strongest(QObject):
    """Largest activations of a layer's channels, by image. changed: more are known, or all void."""

    changed = Signal()

    def __init__(self, state: State, lane: Lane, worker: EngineWorker, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._lane = lane
        self._worker = worker
        self._gallery: ChannelGallery | None = None
        self._stopped = False
        self._known: dict[tuple[str, int], NDArray[np.float32]] = {}
        self._failed: set[tuple[str, int]] = set()
        lane.idle.connect(self._next)

    def look_for(self, gallery: ChannelGallery) -> None:
        """Look at all images with the layer of a gallery, beginning with the nearest in the strip.

        What is known of the same layer and model is kept.
        """
        self._stopped = False
        if self._gallery is None or _layer(self._gallery) != _layer(gallery):
            self._known.clear()
            self._failed.clear()
        self._gallery = gallery
        self._known[gallery.request.image, gallery.request.revision] = gallery.peaks
        self.changed.emit()
        if self._lane.running is None:
            self._next()

    def stop(self) -> None:
        """Look at no more images until look_for is called."""
        self._stopped = True
        self._lane.cancel("strongest")

    def forget(self) -> None:
        """Stop; what is known is kept until another layer is looked at."""
        if self._gallery is not None:
            self.stop()

    def ranked(self, channel: int) -> list[tuple[str, float]]:
        """(key of an image, its largest activation), the strongest first."""
        images = self._state.images
        found = [
            (key, float(peaks[channel]))
            for (key, revision), peaks in self._known.items()
            if key in images and images[key].revision == revision
        ]
        return sorted(found, key=lambda one: -one[1])

    @property
    def progress(self) -> tuple[int, int]:
        """How many images have been looked at, of how many."""
        images = self._state.images.values()
        places = [(image.key, image.revision) for image in images if not image.error]
        return sum(place in self._known or place in self._failed for place in places), len(places)

    @property
    def running(self) -> bool:
        """Whether more images are being looked at."""
        seen, total = self.progress
        return self._gallery is not None and not self._stopped and seen < total

    def _waiting(self) -> OpenImage | None:
        keys = list(self._state.images)
        here = keys.index(self._state.current_key) if self._state.current_key in keys else 0
        for place in sorted(range(len(keys)), key=lambda place: abs(place - here)):
            image = self._state.images[keys[place]]
            known = (image.key, image.revision) in self._known
            failed = (image.key, image.revision) in self._failed
            readable = image.loaded is not None or image.path is not None
            if readable and not image.error and not known and not failed:
                return image
        return None

    def _next(self) -> None:
        """Look at the next image, unless something more urgent is under way."""
        gallery, current = self._gallery, self._state.current
        found = self._state.loaded_of(self._state.pane)
        if self._stopped or gallery is None or current is None or found is None:
            return
        if self._lane.running is not None or current.key != gallery.request.image:
            return
        image = self._waiting()
        if image is None:
            return
        other = OpenedImage(
            image.key, image.name, image.path, image.loaded, image.page, image.levels
        )
        shown: LoadedImage = found
        place, policy = (image.key, image.revision), self._state.policy
        job = Job(
            f"Channels in {image.title or 'the next image'}",
            lambda watch: channel_work.peaks_of(
                self._worker, shown, gallery.request, other, policy, watch
            ),
            slot="strongest",
            priority=Priority.IDLE,
            unlogged=tuple(str(name) for name in (image.path, image.name) if name),
        )
        job.finished.connect(partial(self._found, gallery, place))
        job.failed.connect(partial(self._not_found, gallery, place))
        self._lane.submit(job)

    def _found(
        self, gallery: ChannelGallery, place: tuple[str, int], peaks: NDArray[np.float32]
    ) -> None:
        if self._gallery is not None and _layer(gallery) == _layer(self._gallery):
            self._known[place] = peaks
            self.changed.emit()

    def _not_found(
        self, gallery: ChannelGallery, place: tuple[str, int], _error: HookscopeError
    ) -> None:
        """An image that cannot be read says so in the strip once it is selected."""
        if gallery is self._gallery:
            self._failed.add(place)
            self.changed.emit()


def _layer(gallery: ChannelGallery) -> tuple[object, ...]:
    request = gallery.request
    return request.model, request.layer, request.exact
