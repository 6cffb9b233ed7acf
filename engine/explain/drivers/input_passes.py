"""Passes over many inputs for one map: batches that fit memory and can be cancelled at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from engine.explain.asking import Asking
from engine.explain.batching import Batching, is_same, plain_bytes
from engine.explain.kept_passes import Computation
from engine.inspection import memory
from engine.methods.registry import Chosen
from engine.passes import devices
from engine.passes.below.polling import Polled
from engine.progress import CancelToken, Report


class InputPasses:
    """Further passes of one computation's network, for one score: methods.pixels.inputs.Passes.

    most: inputs in a batch at most. total: passes that are expected altogether, for the progress.
    What cannot take several images at once, or mixes them up, is run one by one.
    """

    def __init__(
        self,
        work: Computation,
        asking: Asking,
        how: Chosen,
        cancel: CancelToken | None,
        report: Report,
        *,
        most: int,
        total: int,
    ) -> None:
        self._work = work
        self._asking = asking
        self._how = how
        self._cancel = cancel
        self._report = report
        self._words = how.method.title
        self._total = max(1, total)
        self._done = 0
        self._batching = Batching(work, most)
        self._batching.limit(work.model.facts.largest)
        work.start_batches()

    def scores(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score for each input: float64 (n,) on the CPU, batch by batch."""
        each = plain_bytes(self._work.model.facts.largest)
        score, call = self._asking.of_batch(), self._asking.call

        def run(batch: Tensor) -> Tensor:
            if call is None:
                found = self._work.batch_logits(batch, self._cancel).cpu().double()
            else:
                found = self._work.batch_output(batch, call, self._cancel)
            return score(found).cpu().double()

        yield from self._batches(inputs, run, each)

    def logits(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """The logits for each input: float64 (n, classes) on the CPU, batch by batch."""
        each = plain_bytes(self._work.model.facts.largest)

        def run(batch: Tensor) -> Tensor:
            return self._work.batch_logits(batch, self._cancel).cpu().double()

        yield from self._batches(inputs, run, each)

    def gradients(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """d score / d input for each input: (n, C, h, w), batch by batch."""
        each = memory.estimate(self._work.model.facts, None)
        target = self._asking.target(self._how)

        def run(batch: Tensor) -> Tensor:
            done = self._work.batch_pass(batch, self._cancel, wanted=self._asking.calls)
            return done.leaf_gradient(target, self._cancel)

        yield from self._batches(inputs, run, each)

    def _batches(
        self, inputs: Iterable[Tensor], run: Callable[[Tensor], Tensor], each: int
    ) -> Iterator[Tensor]:
        def reported(batch: list[Tensor]) -> Tensor:
            with Polled(self._cancel):
                result = run(torch.stack(batch))
                devices.wait_for(self._work.model.device)
            self._done += len(batch)
            self._report(min(1.0, self._done / self._total), self._words)
            return result

        yield from self._batching.cut(inputs, each, self._takes_batches, reported)

    def _takes_batches(self, few: list[Tensor]) -> bool:
        """Whether an image has the same logits with another one beside it as it has alone."""
        assert self._work.logits is not None
        pair = torch.stack([self._work.input[0], few[-1]])

        def first() -> Tensor:
            return self._work.batch_logits(pair, self._cancel)[0].cpu().double()

        with Polled(self._cancel):
            return is_same(first, torch.from_numpy(self._work.logits), "several inputs in a pass")
