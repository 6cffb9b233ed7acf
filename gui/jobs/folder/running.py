"""Runs a job over a folder's images, on the engine lane, in steps that give way to clicks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Cancelled, HookscopeError
from engine.progress import CancelToken
from engine.records.options import Value
from gui.jobs.engine_worker import EngineWorker

if TYPE_CHECKING:
    from engine.folders.index.store import IndexWriter
    from engine.folders.inputs.labels import Match
    from engine.folders.records import Progress
    from engine.folders.run import Run
    from gui.jobs.lanes import Watch

_STEP_S = 0.4
"""A step ends after so much time, so that its rows are shown; a click ends it at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute. folder: of the index. model: key of the open model. given: classes of labels
    that were matched by hand."""

    folder: Path
    model: str
    layer: tuple[str, ...]
    method: str
    options: tuple[tuple[str, Value], ...]
    policy: str = "top"
    exact: bool = False
    given: dict[str, int | str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that begins. job: its number in the index. match: of labels to classes."""

    job: int
    match: Match
    labels: dict[str, int]
    progress: Progress


class _Relay(CancelToken):
    """A token that is cancelled while the one that it follows is."""

    __slots__ = ("_followed",)

    def __init__(self) -> None:
        super().__init__()
        self._followed: CancelToken | None = None

    def follow(self, token: CancelToken) -> None:
        self._followed = token

    @property
    def cancelled(self) -> bool:
        return self._followed is not None and self._followed.cancelled

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled("cancelled")


class FolderRunner:
    """One run at a time. Used from the engine lane only."""

    def __init__(self, worker: EngineWorker) -> None:
        self._worker = worker
        self._writer: IndexWriter | None = None
        self._run: Run | None = None
        self._steps: Iterator[Progress] | None = None
        self._finished: Progress | None = None
        self._token = _Relay()

    def begin(self, plan: Plan, watch: Watch) -> Begun:
        """Begin or continue a run. Raises HookscopeError, LayerError, MethodError, TargetError."""
        from engine.folders.index.store import IndexWriter
        from engine.folders.job import How
        from engine.folders.run import Run

        self.end()
        watch.cancel.raise_if_cancelled()
        model = self._worker.model_of(plan.model)
        how = How(plan.layer, plan.method, plan.options, plan.policy, plan.exact)
        writer = IndexWriter(plan.folder)
        try:
            run = Run(writer, model, how, given=plan.given)
        except BaseException:
            writer.close()
            raise
        self._writer, self._run = writer, run
        return Begun(run.number, run.match, writer.labels(), run.progress)

    def step(self, watch: Watch) -> tuple[Progress, bool]:
        """Compute some more; the progress, and whether that was all.

        What is written stays when it is cancelled; the next step goes on from there.
        """
        run = self._run
        if run is None:
            if self._finished is not None:
                # The last step was cancelled when it had been made.
                return self._finished, True
            raise HookscopeError("the run was ended; continue it")
        self._token.follow(watch.cancel)
        begun = time.monotonic()
        try:
            if self._steps is None:
                self._steps = run.steps(self._token)
            for progress in self._steps:
                watch.report(progress.done / max(1, progress.total), progress.words)
                if time.monotonic() - begun > _STEP_S:
                    return progress, False
        except Cancelled:
            self._steps = None
            raise
        except BaseException:
            self.end()
            raise
        self.end()
        self._finished = run.progress
        return run.progress, True

    def end(self, _watch: Watch | None = None) -> None:
        """Release the index for others; safe to call twice."""
        steps, self._steps, self._run, self._finished = self._steps, None, None, None
        if steps is not None:
            steps.close()  # type: ignore[attr-defined]
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def tag(self, folder: Path, numbers: Sequence[int], tags: str, _watch: Watch) -> int:
        """Set the tags of inputs. Raises HookscopeError if another process writes the index."""
        from engine.folders.index.store import IndexWriter

        if self._writer is not None and self._writer.folder == folder.absolute():
            self._writer.tag(numbers, tags)
        else:
            with IndexWriter(folder) as writer:
                writer.tag(numbers, tags)
        return len(numbers)
