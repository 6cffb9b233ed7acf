"""Passes over many inputs for one map: batches that fit memory and can be cancelled at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.explain.asking import Asking
from engine.explain.kept_passes import Computation
from engine.inspection import memory
from engine.methods.registry import Chosen
from engine.passes import devices
from engine.passes.below.polling import Polled
from engine.passes.hooks import NETWORK_ERRORS
from engine.progress import CancelToken, Report

_log = logging.getLogger(__name__)

# What the largest output of a batch may take on a processor. Beyond it, a batch is no faster than
# one image after the other, and cancelling, which waits for an operation, takes longer.
_BATCH_BYTES = 8 << 20
# What is alive at once in a pass without a graph, in outputs of the largest layer.
_ALIVE = 4
# How far the logits of an image may move, by rounding, if another one is in its batch.
_SAME = 1e-4


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
        self._asked = most
        self._limit(work.model.facts.largest)
        work.start_batches()

    def _limit(self, largest: int) -> None:
        """Take as many at once as were asked for, fewer where the largest output is large."""
        model = self._work.model
        self._most = 1 if model.facts.real else self._asked
        if model.device.type == "cpu":
            self._most = max(1, min(self._most, _BATCH_BYTES // max(1, largest)))
        self._tried = self._most == 1

    def scores(self, inputs: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score for each input: float64 (n,) on the CPU, batch by batch."""
        each = _ALIVE * self._work.model.facts.largest
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
        each = _ALIVE * self._work.model.facts.largest

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
        rest = iter(inputs)
        while True:
            fits = self._work.allowed // max(1, each)
            few = list(islice(rest, max(1, min(self._most, fits))))
            if not few:
                return
            if not self._tried and len(few) > 1:
                self._tried = True
                self._most = self._most if self._takes_batches(few[-1]) else 1
            for start in range(0, len(few), self._most):
                batch = few[start : start + self._most]
                with Polled(self._cancel):
                    result = run(torch.stack(batch))
                    devices.wait_for(self._work.model.device)
                self._done += len(batch)
                self._report(min(1.0, self._done / self._total), self._words)
                yield result

    def _takes_batches(self, other: Tensor) -> bool:
        """Whether an image has the same logits with another one beside it as it has alone."""
        known = self._work.logits
        assert known is not None
        pair = torch.stack([self._work.input[0], other])
        try:
            with Polled(self._cancel):
                logits = self._work.batch_logits(pair, self._cancel)
        except (*NETWORK_ERRORS, ModelError) as error:
            if devices.is_out_of_memory(error):
                raise
            _log.info("inputs are passed one by one: %s", error)
            return False
        found = logits[0].cpu().double().numpy()
        far = float(np.abs(found - known).max(initial=0.0))
        same = far <= _SAME * float(np.abs(known).max(initial=0.0))
        if not same:
            _log.info("inputs are passed one by one: a batch changes the logits by %g", far)
        return same
