"""Spreads the shards of a run over the workers of a Dask scheduler, and writes what comes back."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from engine.folders.inputs.pictures import stamp_of
from engine.folders.records import NO_STAMP, Pending, Progress
from engine.folders.run import Pace, Run
from engine.folders.shards import Shard
from engine.folders.spread.scheduler import Scheduler, Underway, check_address
from engine.folders.spread.worker import Task
from engine.progress import CancelToken
from engine.records.sources import ModelSource

SHARD = 64
"""Images of one task: some seconds of work, against some milliseconds of the scheduler's."""


def spread_steps(
    run: Run,
    address: str,
    source: ModelSource,
    trusted: Sequence[Path] = (),
    pace: Pace | None = None,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> Iterator[Progress]:
    """As Run.steps, with the shards computed by the workers of the scheduler at an address.

    source: of the model, which every worker opens once: by its path where it sees that, else it is
    sent. trusted: files of it that may run their code. Raises HookscopeError if distributed is not
    installed, or no scheduler or worker is there; ModelError if workers cannot open the model;
    Cancelled.
    """
    check_address(address)
    pace = pace or Pace()
    task = Task(
        source=source,
        how=run.how,
        device=device,
        trusted=tuple((str(path.absolute()), _checksum(path)) for path in trusted),
        key=run.job.key,
        size=pace.size,
        readers=pace.readers or 2,
        patience=pace.patience,
    )
    if run.progress.done >= run.progress.total:
        return
    scheduler = Scheduler(address, task, cancel)
    try:
        yield from _steps(run, scheduler, cancel)
    finally:
        scheduler.close()


def _steps(run: Run, scheduler: Scheduler, cancel: CancelToken | None) -> Iterator[Progress]:
    number = run.begin()
    rest = run.pending()
    active, begun = 0.0, time.perf_counter()
    more = True
    while more or scheduler.out:
        if cancel is not None:
            cancel.raise_if_cancelled()
        while more and scheduler.has_room:
            items = tuple(islice(rest, SHARD))
            more = bool(items)
            if items:
                scheduler.send(Underway(items))
        if not more:
            scheduler.send_late_again()
        for items, result in scheduler.finished():
            seconds = time.perf_counter() - begun
            shard = _with_own_stamps(items, result.shard)
            run.write(shard, number, seconds)
            active += time.perf_counter() - begun
            yield run.advance(shard, active, name=items[-1].path)
            begun = time.perf_counter()


def _with_own_stamps(items: Sequence[Pending], shard: Shard) -> Shard:
    """The shard with this machine's stamps of the files that were sent."""
    paths = {item.number: item.path for item in items}
    return [
        (number, replace(picture, stamp=stamp_of(paths[number])), row)
        if picture.stamp == NO_STAMP and picture.content
        else (number, picture, row)
        for number, picture, row in shard
    ]


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
