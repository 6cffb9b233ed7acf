"""Lanes: worker threads with a priority queue of jobs. No other file owns a thread.

A lane is one thread that runs one job at a time. All scheduling happens on the GUI thread: the lane
passes a job to its worker and learns of its end by a queued signal, so no locks are needed. All
signals of a job are emitted on the GUI thread. A cancelled job never emits finished: its result is
dropped.
"""

from __future__ import annotations

import logging
import sys
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QEventLoop, QObject, Qt, QThread, Signal, Slot

from engine.errors import Cancelled, HookscopeError
from engine.process import ending
from engine.process.logs import log_file
from engine.progress import CancelToken, Report

_log = logging.getLogger(__name__)

# Time for jobs that must be finished when the session ends, which does not wait long itself.
_KEPT_S = 5.0
# A sweep reports hundreds of layers; twenty reports a second are enough for a progress bar.
_REPORT_EVERY = 0.05
# A thread that computes in Python keeps the interpreter's lock for so long before it passes it on;
# painting asks for the lock hundreds of times. The usual 5 ms would be seen.
_SWITCH_S = 0.001


class Priority(IntEnum):
    """Lower runs first. A job with a lower number cancels a running IDLE job."""

    CLICK = 0
    WORK = 1
    IDLE = 2


@dataclass(frozen=True, slots=True)
class Watch:
    """The argument of a job's work function: cancellation token and progress callback."""

    cancel: CancelToken
    report: Report


Work = Callable[[Watch], Any]


class Job(QObject):
    """One piece of work on a lane.

    slot: a newer job replaces older ones of the same slot; '' for none. title: a few words for the
    status bar. stoppable: whether the user may stop it. keep: finish it even when the program
    closes. reading: the name of the file that it reads, '' for none. unlogged: what the log leaves
    out of the job's title and error. Exactly one of finished,
    failed and cancelled is emitted, then ended.
    """

    started = Signal()
    progressed = Signal(float, str)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(
        self,
        title: str,
        work: Work,
        *,
        slot: str = "",
        priority: Priority = Priority.WORK,
        stoppable: bool = True,
        keep: bool = False,
        reading: str = "",
        unlogged: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.title = title
        self.work = work
        self.slot = slot
        self.priority = priority
        self.stoppable = stoppable
        self.keep = keep
        self.reading = reading
        self.unlogged = unlogged
        self.token = CancelToken()

    def logged(self, text: str) -> str:
        """A text as it may stand in the log."""
        for part in self.unlogged:
            text = text.replace(part, "\u2026")
        return text

    def cancel(self) -> None:
        """Ask the work to stop; cancelled follows, even if the work completes anyway."""
        self.token.cancel()


class _Worker(QObject):
    """Runs jobs on the thread of the lane."""

    progressed = Signal(object, float, str)
    done = Signal(object, object, object)

    @Slot(object)
    def execute(self, job: Job) -> None:
        result: Any = None
        failure: HookscopeError | None = None
        try:
            job.token.raise_if_cancelled()
            result = job.work(Watch(job.token, self._reporter(job)))
        except Cancelled:
            job.token.cancel()
        except HookscopeError as error:
            _log.warning("%s: %s", job.logged(job.title), job.logged(str(error)))
            # The traceback would keep the frames alive, and with them an autograd graph.
            failure = error.with_traceback(None)
        except Exception:  # noqa: BLE001 - the outermost frame of the thread: report, go on
            _log.exception("%s: internal error", job.logged(job.title))
            failure = HookscopeError(f"{job.title}: internal error; see the log: {log_file()}")
        self.done.emit(job, result, failure)

    def _reporter(self, job: Job) -> Report:
        last = 0.0

        def report(fraction: float, text: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _REPORT_EVERY:
                last = now
                self.progressed.emit(job, fraction, text)

        return report


class Lane(QObject):
    """One thread, one job at a time, the most urgent first.

    busy_changed(job | None): the running job changed. idle: nothing runs and nothing waits.
    """

    busy_changed = Signal(object)
    idle = Signal()
    _execute = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        sys.setswitchinterval(_SWITCH_S)
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._closed = False
        self._thread = QThread(self)
        self._thread.setObjectName(name)
        self._worker = _Worker()
        self._worker.moveToThread(self._thread)
        self._execute.connect(self._worker.execute, Qt.ConnectionType.QueuedConnection)
        self._worker.progressed.connect(self._on_progress, Qt.ConnectionType.QueuedConnection)
        self._worker.done.connect(self._on_done, Qt.ConnectionType.QueuedConnection)
        self._thread.start()

    @property
    def running(self) -> Job | None:
        return self._running

    @property
    def alive(self) -> bool:
        """Whether the thread is running; it is until close()."""
        return self._thread.isRunning()

    def submit(self, job: Job) -> Job:
        """Queue a job. An older one of the same slot is cancelled, and so is a running IDLE job if
        the new one is more urgent."""
        job.setParent(self)
        if self._closed:
            job.cancel()
            self._end(job, None, None)
            return job
        if job.slot:
            self._cancel(lambda other: other.slot == job.slot)
        running = self._running
        if running is not None and running.priority is Priority.IDLE > job.priority:
            running.cancel()
        insort(self._waiting, job, key=lambda waiting: waiting.priority)
        self._next()
        return job

    def cancel(self, slot: str | None = None) -> None:
        """Cancel the jobs of a slot ('export' includes 'export 1' and 'export 2'), or all."""
        self._cancel(lambda job: slot in (None, job.slot, job.slot.partition(" ")[0]))

    def has(self, slot: str) -> bool:
        """Whether a job of the slot is queued, or is running and not cancelled."""
        if any(job.slot == slot for job in self._waiting):
            return True
        running = self._running
        return running is not None and running.slot == slot and not running.token.cancelled

    def close(self) -> None:
        """Cancel all jobs except those with keep, and join the thread.

        Waits for jobs that cannot be cancelled.
        """
        self._cancel(lambda job: not job.keep)
        if self._waiting or (self._running is not None and self._running.keep):
            ending.grant(_KEPT_S)
            until_idle = QEventLoop()
            self.idle.connect(until_idle.quit)
            until_idle.exec()
        self._closed = True
        self._thread.quit()
        self._thread.wait()

    def _cancel(self, which: Callable[[Job], bool]) -> None:
        for job in [job for job in self._waiting if which(job)]:
            self._waiting.remove(job)
            job.cancel()
            self._end(job, None, None)
        if self._running is not None and which(self._running):
            self._running.cancel()

    def _next(self) -> None:
        if self._running is not None or not self._waiting:
            return
        self._running = self._waiting.pop(0)
        self._running.started.emit()
        self.busy_changed.emit(self._running)
        self._execute.emit(self._running)

    @Slot(object, float, str)
    def _on_progress(self, job: Job, fraction: float, text: str) -> None:
        if job is self._running and not job.token.cancelled:
            job.progressed.emit(fraction, text)

    @Slot(object, object, object)
    def _on_done(self, job: Job, result: object, failure: HookscopeError | None) -> None:
        self._running = None
        self._end(job, result, failure)
        self._next()
        if self._running is None and not self._closed:
            self.busy_changed.emit(None)
            self.idle.emit()

    def _end(self, job: Job, result: object, failure: HookscopeError | None) -> None:
        # A job with keep that completed despite its cancellation counts as finished.
        if job.token.cancelled and not (job.keep and result is not None):
            job.cancelled.emit()
        elif failure is not None:
            job.failed.emit(failure)
        else:
            job.finished.emit(result)
        job.ended.emit()
        job.deleteLater()
