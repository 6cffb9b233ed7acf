"""Downloads of published weights, in the background on a lane of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, SignalInstance

from gui.jobs.lanes import Job, Lane

if TYPE_CHECKING:
    from engine.formats.torchvision.gallery import PublishedWeights
    from gui.jobs.lanes import Watch

_BEGINNING = (0.0, "connecting")


class Downloads(QObject):
    """One download at a time.

    progressed(name, fraction, words). finished(name, PublishedWeights): with their state on disk.
    failed(name, reason). stopped(name). changed(): a download started or ended.
    """

    progressed = Signal(str, float, str)
    finished = Signal(str, object)
    failed = Signal(str, str)
    stopped = Signal(str)
    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lane: Lane | None = None
        self._last = _BEGINNING
        self.name = ""

    @property
    def running(self) -> Job | None:
        return self._lane.running if self._lane is not None else None

    @property
    def last(self) -> tuple[float, str]:
        """The progress of the running download: fraction and text."""
        return self._last

    def start(self, name: str, weights: PublishedWeights) -> None:
        """Download the weights of the named classifier, unless a download is running."""
        if self.name:
            return
        if self._lane is None:
            self._lane = Lane("downloads", self)
        job = Job(f"Downloading {name}", lambda watch: _fetch(weights, watch))
        job.progressed.connect(self._progress)
        job.finished.connect(lambda fetched: self._end(self.finished, name, fetched))
        job.failed.connect(lambda error: self._end(self.failed, name, str(error)))
        job.cancelled.connect(lambda: self._end(self.stopped, name))
        self.name = name
        self._lane.submit(job)
        self._progress(*_BEGINNING)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the download; the part already downloaded is kept."""
        if self._lane is not None:
            self._lane.cancel()

    def close(self) -> None:
        """Stop the download and wait for the lane."""
        if self._lane is not None:
            self._lane.close()

    def _progress(self, fraction: float, words: str) -> None:
        self._last = fraction, words
        self.progressed.emit(self.name, fraction, words)

    def _end(self, how: SignalInstance, *what: object) -> None:
        self.name = ""
        how.emit(*what)
        self.changed.emit()


def _fetch(weights: PublishedWeights, watch: Watch) -> PublishedWeights:
    from engine.formats.torchvision import gallery

    gallery.fetch(weights, watch.cancel, watch.report)
    return weights.refreshed()
