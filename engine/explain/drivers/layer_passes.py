"""Passes over many inputs, or from a layer on, for one map of that layer: methods.inputs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.explain.asking import Asking
from engine.explain.batching import is_same, plain_bytes
from engine.explain.drivers.input_passes import InputPasses
from engine.explain.kept_passes import Computation
from engine.explain.maps import channels_first
from engine.inspection import memory
from engine.inspection.memory import largest_after
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import Chosen
from engine.passes.below.polling import Polled
from engine.passes.forward import run_plain
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating, watching
from engine.passes.replaced import output_of
from engine.progress import CancelToken, Report
from engine.records.models import Layout
from engine.rewriting.from_layer import FromLayer, from_layer

_log = logging.getLogger(__name__)


class LayerPasses(InputPasses):
    """Further passes for one layer: methods.inputs.LayerPasses.

    source: the call whose output is the layer's; output: (1, ...) as it returned it, of these axes.
    """

    def __init__(
        self,
        work: Computation,
        asking: Asking,
        how: Chosen,
        source: Call,
        output: Tensor,
        axes: Axes,
        cancel: CancelToken | None,
        report: Report,
        *,
        most: int,
        total: int,
    ) -> None:
        super().__init__(work, asking, how, cancel, report, most=most, total=total)
        self._source = source
        self._output = output.detach()
        self._axes = axes
        self._form: FromLayer | None = None

    def layer_gradients(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """d score / d activation for each image: (n, C, h, w)."""
        each = memory.estimate(self._work.model.facts, self._source)
        target = self._asking.target(self._how)

        def run(batch: Tensor) -> Tensor:
            calls = self._asking.calls
            done = self._work.batch_pass(batch, self._cancel, self._source, calls)
            found = done.leaf_gradient(target, self._cancel)
            return torch.stack([channels_first(one[None], self._axes) for one in found])

        yield from self._batches(images, run, each)

    def scores_from_layer(self, activations: Iterable[Tensor]) -> Iterator[Tensor]:
        """The score with each of these in place of the layer's output."""
        rest = (self._in_own_layout(activation) for activation in activations)
        first = next(rest, None)
        if first is None:
            return
        # Only what follows the layer is held for each of a batch.
        largest = largest_after(self._work.model.facts, self._source)
        self._batching.limit(largest)
        with Polled(self._cancel):
            run = self._way(first)
        self._batching.tried = True
        each = plain_bytes(largest)
        score = self._asking.of_batch()

        def scores(batch: Tensor) -> Tensor:
            return score(run(batch).cpu().double())

        yield from self._batches(chain((first,), rest), scores, each)

    def _in_own_layout(self, activation: Tensor) -> Tensor:
        """(C, h, w) in the order of the layer's own output, without its batch axis."""
        if self._axes.layout is Layout.CHANNELS_FIRST:
            return activation.to(self._output.dtype)
        last = activation.permute(1, 2, 0).to(self._output.dtype)
        if self._axes.layout is Layout.CHANNELS_LAST:
            return last
        whole = self._output[0].clone()
        whole[self._axes.prefix :] = last.flatten(0, 1)
        return whole

    def _way(self, trial: Tensor) -> Callable[[Tensor], Tensor]:
        """How the passes are made: from the layer on where that gives the same, else whole.

        trial: a changed output of the layer. What cannot take both at once runs one by one. What a
        pass gives is what the score is made of: the logits, or the output that is asked about.
        """
        known = self._unchanged().cpu().float()
        changed = self._whole(trial[None]).cpu().float()[0]
        pair, wanted = torch.stack([self._output[0], trial]), torch.stack([known, changed])
        for copied in (False, True):
            run = self._started(copied)
            if run is not None and (
                self._same(run, pair, wanted) or self._one_by_one(run, pair, wanted)
            ):
                return run
        self._form = None
        _log.info("passes for %s are made from the input on", self._source[0])
        if not self._same(self._whole, pair, wanted):
            self._batching.most = 1
        return self._whole

    def _started(self, copied: bool) -> Callable[[Tensor], Tensor] | None:
        """Passes that start at the layer; None if they cannot be made."""
        work = self._work
        if self._form is None:
            with suppress(*NETWORK_ERRORS, ModelError):
                overwritten = work.model.facts.overwritten()
                self._form = from_layer(work.model.module, work.input, self._source, overwritten)
        if self._form is not None:
            self._form.copied = copied
        return self._from_layer if self._form is not None else None

    def _same(self, run: Callable[[Tensor], Tensor], pair: Tensor, wanted: Tensor) -> bool:
        what = f"{self._source[0]}: {len(pair)} of its outputs in a pass"
        return is_same(lambda: run(pair).cpu().float(), wanted, what)

    def _one_by_one(self, run: Callable[[Tensor], Tensor], pair: Tensor, wanted: Tensor) -> bool:
        alone = all(self._same(run, pair[i : i + 1], wanted[i : i + 1]) for i in range(len(pair)))
        if alone:
            self._batching.most = 1
        return alone

    def _from_layer(self, batch: Tensor) -> Tensor:
        assert self._form is not None
        work = self._work
        images = work.input.expand(len(batch), -1, -1, -1)
        # The network's own modules are reached from the copy by other ways than its children, too.
        with evaluating(work.model.module), self._form.given(batch) as module:
            if self._asking.call is not None:
                return output_of(module, images, self._asking.call, self._cancel)
            return run_plain(module, images, work.model.facts.reading, self._cancel)

    def _unchanged(self) -> Tensor:
        """What a pass gives with the layer's own output, without the axis of the batch."""
        work = self._work
        if self._asking.call is not None:
            return work.batch_output(work.input, self._asking.call, self._cancel)[0]
        return torch.from_numpy(work.logits)

    def _whole(self, batch: Tensor) -> Tensor:
        """The whole network, with these in place of the layer's output."""
        work, source, asked = self._work, self._source, self._asking.call

        def visit(call: Call, _module: torch.nn.Module, _output: Tensor) -> Tensor | None:
            return batch.clone() if call == source else None

        images = work.input.expand(len(batch), -1, -1, -1)
        facts, module = work.model.facts, work.model.module
        if asked is not None:
            given = source, batch
            return output_of(module, images, asked, self._cancel, given=given, bounded=facts.real)
        with watching(module, visit, self._cancel, {source[0]}):
            return run_plain(module, images, facts.reading, self._cancel, bounded=facts.real)
