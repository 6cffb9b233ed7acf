"""What is shown of the current image: its page, and which values are black and white."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.images import LoadedImage
from engine.records.levels import AUTO, Levels
from gui.controllers.images import Images
from gui.jobs.files.decoding import Decoded, level
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.images import OpenImage
from gui.state.notices import NoticeKind
from gui.state.state import State


class ImageViews(QObject):
    """Changes the current image of the state through the file lane; files are read for pages only.

    altered: the network is to get the image with other levels. levelled: it is shown with them.
    """

    altered = Signal()
    levelled = Signal()

    def __init__(self, state: State, images: Images, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._images = images
        self._lane = lane
        self._busy = False

    def choose_page(self, page: int) -> None:
        """Show another page of the current image, from 1; ignored if there is no such page."""
        image = self._state.current
        if image is None or image.path is None or page == image.page:
            return
        if 1 <= page <= image.pages:
            self._images.turn_to(image, page)

    def choose_levels(self, levels: Levels, *, settled: bool = True) -> None:
        """Show the current image with levels set by hand; AUTO leaves them to the model again.

        settled: explain it with these levels; False while the user is still choosing.
        """
        image = self._state.current
        if image is None or image.loaded is None:
            return
        if levels != image.levels:
            image.levels = levels
            image.loaded = replace(image.loaded, levels=levels)
            image.revision += 1
        self.follow()
        if settled:
            self.altered.emit()

    def follow(self) -> None:
        """Show the current image with its own levels, or else with those of the open model."""
        image, policy = self._state.current, self._state.policy
        if image is None or image.loaded is None or self._busy:
            # While the pointer is dragged, the next one begins when this one is shown.
            return
        if (policy if image.levels == AUTO else image.levels) == image.asked:
            return
        loaded = image.loaded
        job = Job(
            "Applying levels",
            lambda _watch: level(loaded, policy),
            slot="levels",
            priority=Priority.CLICK,
            stoppable=False,
        )
        self._busy = True
        job.finished.connect(lambda decoded: self._levelled(image, loaded, decoded))
        job.failed.connect(self._failed)
        job.cancelled.connect(self._stopped)
        self._lane.submit(job)

    def _levelled(self, image: OpenImage, before: LoadedImage, decoded: Decoded) -> None:
        self._busy = False
        now = image.loaded
        # Another page may have been chosen meanwhile, or the file read again.
        if now is not None and (now.depth, now.page) == (before.depth, before.page):
            image.loaded = replace(decoded.loaded, levels=image.levels)
            image.picture, image.asked = decoded.picture, decoded.asked
            self._state.image_updated.emit(image.key)
            self._images.thumbnail_ready.emit(image.key, decoded.thumbnail)
            self.levelled.emit()
        self.follow()

    def _failed(self, error: HookscopeError) -> None:
        self._busy = False
        self._state.notify(NoticeKind.ERROR, str(error))

    def _stopped(self) -> None:
        self._busy = False
