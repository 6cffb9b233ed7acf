"""Goes through a folder: reads ahead, computes shard by shard, and writes each when it is done.

A run can be ended at any time, by kill -9 as well: what is written is whole, and the next run goes
on with the rest. To pause, do not ask for the next step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from engine.folders.index.store import IndexWriter
from engine.folders.inputs.labels import Match, match
from engine.folders.inputs.pictures import Reading, Ready
from engine.folders.job import How, job_of
from engine.folders.records import Job, Pending, Progress, Row
from engine.folders.shards import Explainer, Shard
from engine.model import Model
from engine.progress import CancelToken
from engine.reader import client
from engine.records.sources import ModelSource

_MOST_READERS = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run uses the machine. readers: processes that read images, None for as many as there
    are cores. size: images that are taken together, None for as many as pay. patience: CPU time for
    reading one file in seconds, None for no limit."""

    readers: int | None = None
    size: int | None = None
    patience: float | None = client.PATIENCE

    @property
    def processes(self) -> int:
        cores = psutil.cpu_count() or 1
        return max(1, self.readers if self.readers is not None else min(_MOST_READERS, cores))


class Run:
    """One job on the inputs of an index. Used from one thread.

    given: from a label to the index or name of a class, where names do not match by themselves.
    source: by which the model opens again, kept for later commands.
    Raises LayerError, MethodError and TargetError for what the model does not have.
    """

    def __init__(
        self,
        writer: IndexWriter,
        model: Model,
        how: How,
        *,
        given: Mapping[str, int | str] | None = None,
        pace: Pace | None = None,
        source: ModelSource | None = None,
    ) -> None:
        self.model, self.how = model, how
        self.job: Job = job_of(model, how, source)
        self._writer, self._pace = writer, pace or Pace()
        self._explainer = Explainer(model, how, self._pace.size)
        independent = self.job.scores == "LABELS"
        self.match: Match = match(writer.labels(), model.classes, given, several=independent)
        self.number = writer.want(self.job, self.match.found)
        total, done, unreadable = writer.counts(self.number)
        self.progress = Progress(done, total, unreadable=unreadable)

    def steps(self, cancel: CancelToken | None = None) -> Iterator[Progress]:
        """Compute what is missing; the progress after each shard, which is then written.

        Raises ModelError when the network itself fails, DeviceError, HookscopeError if the index
        cannot be written, Cancelled.
        """
        if self.progress.done >= self.progress.total:
            return
        run = self.begin()
        reading = Reading(
            self.model.preprocessing,
            readers=self._pace.processes,
            patience=self._pace.patience,
        )
        chunks = reading.chunks(
            self.pending(),
            lambda pending: pending.path,
            max(1, self._explainer.size),
            cancel,
        )
        active, begun = 0.0, time.perf_counter()
        try:
            for chunk in chunks:
                shard, reused = self._shard(chunk, cancel)
                self.write(shard, run, time.perf_counter() - begun)
                # With the time for writing, without that of a pause.
                active += time.perf_counter() - begun
                yield self.advance(shard, active, reused, chunk[-1][0].path)
                begun = time.perf_counter()
        finally:
            reading.close()

    def begin(self) -> int:
        """The number of a new start, for write."""
        return self._writer.begin_run(self.number)

    def pending(self) -> Iterator[Pending]:
        """The inputs that are to be computed, in their order."""
        return self._writer.pending(self.number)

    def write(self, shard: Shard, begun: int, seconds: float) -> None:
        """Write a shard that took so many seconds, in one transaction."""
        self._writer.write(self.number, shard, run=begun, seconds=seconds)

    def _shard(
        self, chunk: Sequence[tuple[Pending, Ready]], cancel: CancelToken | None
    ) -> tuple[Shard, int]:
        """The rows of a chunk, and how many were taken from equal files."""
        known = self._known(chunk)
        shard: Shard = []
        if known:
            shard = [
                (one.number, ready.picture, known[one.number])
                for one, ready in chunk
                if one.number in known
            ]
            chunk = [pair for pair in chunk if pair[0].number not in known]
        return shard + self._explainer.shard(chunk, cancel), len(known)

    def _known(self, chunk: Sequence[tuple[Pending, Ready]]) -> dict[int, Row]:
        """Rows that are known from files of the same content and label."""
        contents = {one.picture.content for _, one in chunk if not one.picture.error}
        same = self._writer.same(self.number, sorted(contents))
        found: dict[int, Row] = {}
        for pending, ready in chunk if same else ():
            for number in same.get(ready.picture.content, ()):
                row = self._writer.read_row(self.number, number)
                if (row.label, row.labels) == (pending.label, pending.labels):
                    found[pending.number] = row
                    break
        return found

    def advance(self, shard: Shard, active: float, reused: int = 0, name: str = "") -> Progress:
        """The progress with a shard that was written, after so many active seconds in all."""
        before = self.progress
        computed = before.computed + len(shard)
        rate = computed / active if active > 0 else 0.0
        done = before.done + len(shard)
        self.progress = Progress(
            done=done,
            total=before.total,
            computed=computed,
            reused=before.reused + reused,
            unreadable=before.unreadable + sum(bool(picture.error) for _, picture, _ in shard),
            rate=rate,
            left=(before.total - done) / rate if rate else None,
            name=name,
        )
        return self.progress
