"""Which form of the network makes a pass: its own modules, or a faster one that was compared with
them. The one place where that is decided, for passes with a graph and without.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

import torch
from torch import Tensor, nn

from engine.errors import one_line
from engine.model import Model
from engine.passes.backward import ForwardPass
from engine.passes.below.kinks import Kinks
from engine.passes.forward import run_forward, run_plain
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating
from engine.passes.memory.budget import is_out_of_memory
from engine.passes.replaced import output_of
from engine.progress import CancelToken
from engine.rewriting.faster import Form, Seen, compare

_log = logging.getLogger(__name__)

# Rewriting a network takes about as long as this many passes without a graph.
_PAYS = 8


class Forms:
    """Makes the passes of a model for one computation. Not thread-safe.

    exact: make every pass by the network's own modules. own: rewrite nothing before a layer, so
    that every number of a pass with a graph is the network's own. clones: calls whose output is
    known to be overwritten later, so that a clone is passed on. allowed, in what follows: bytes
    that a pass may hold.
    """

    def __init__(self, model: Model, *, exact: bool) -> None:
        self.clones = model.facts.overwritten()
        self.exact = exact
        self.own = exact
        self._model = model
        self._plainly = exact
        self._passed = 0
        self._form: Form | None = None
        self._trusted = 0

    def graph(
        self,
        image: Tensor,
        start: Call | None,
        wanted: Collection[Call],
        allowed: int,
        cancel: CancelToken | None,
        *,
        plainly: bool = False,
    ) -> ForwardPass:
        """A pass whose graph starts at a call (None: at the input), over (n, channels, h, w).

        wanted: the calls whose outputs it keeps. What lies before the start may be rewritten, from
        the second pass on, and activations may be kept from overwriting what they read; plainly:
        not in this pass.
        """
        plainly = plainly or self.exact
        if start is not None and not plainly and not self.own:
            done = self._rewritten(image, start, wanted, allowed, cancel)
            if done is not None:
                return done
        if len(wanted) > 1 and not plainly:
            apart = self._model.faster.apart(allowed, cancel)
            if apart is not None:
                done = self._pass(apart.module, image, start, wanted, cancel, apart.released)
                done.rounded = apart.other_gradients
                return done
        return self.own_graph(image, start, wanted, cancel)

    def own_graph(
        self,
        image: Tensor,
        start: Call | None,
        wanted: Collection[Call],
        cancel: CancelToken | None,
    ) -> ForwardPass:
        """The same by the network's own modules."""
        return self._pass(self._model.module, image, start, wanted, cancel)

    def start(self) -> None:
        """Begin a run of batches without a graph anew, so that the same images have the same logits
        whatever was passed before."""
        self._passed, self._form, self._trusted = 0, None, 0

    def logits(self, batch: Tensor, allowed: int, cancel: CancelToken | None) -> Tensor:
        """(n, classes) for a batch (n, channels, h, w), without a graph.

        After a few images, by a form with rewritten layers. It is compared with the network itself
        for a batch before it is used, and given up where they differ.
        """
        if self._form is not None and len(batch) <= self._trusted:
            return self._fast(self._form, batch, cancel)
        facts = self._model.facts
        own = run_plain(self._model.module, batch, facts.reading, cancel, bounded=facts.real)
        self._passed += len(batch)
        if not self._plainly and self._passed >= _PAYS:
            self._try(batch, own, allowed, cancel)
        return own

    def output(self, batch: Tensor, call: Call, cancel: CancelToken | None) -> Tensor:
        """What a call returns for a batch, (n, ...), by the network's own modules."""
        facts = self._model.facts
        return output_of(self._model.module, batch, call, cancel, bounded=facts.real)

    def _rewritten(
        self,
        image: Tensor,
        start: Call,
        wanted: Collection[Call],
        allowed: int,
        cancel: CancelToken | None,
    ) -> ForwardPass | None:
        """A pass whose part before the start is rewritten; None if it has to be made without."""
        faster = self._model.faster
        form = faster.before(start, allowed, len(image), cancel)
        if form is None:
            return None
        ordered = image.contiguous(memory_format=torch.channels_last)
        kinks = Kinks()
        try:
            kept = wanted if form.checked else ()
            done = self._pass(form.module, ordered, start, kept, cancel, form.released, kinks)
            if start not in done.kept:
                raise LookupError(f"{start[0]} is not called")
            if faster.doubted(start, near=kinks.near):
                return None
            if not form.checked:
                # Of the same classes in both: two logits may be closer than the rounding.
                tops = done.logits.detach().argmax(dim=1).tolist()
                found = _seen(done, start, tops)
                # Freed before the next pass: two graphs at once might not fit.
                del done
                own = self.own_graph(image, start, wanted, cancel)
                form.check(found, _seen(own, start, tops))
                return own
        except NETWORK_ERRORS as error:
            if is_out_of_memory(error):
                raise
            faster.give_up(f"{type(error).__name__}: {one_line(error)}")
            return None
        done.own = False
        return done

    def _pass(
        self,
        module: nn.Module,
        image: Tensor,
        start: Call | None,
        wanted: Collection[Call],
        cancel: CancelToken | None,
        released: frozenset[Call] = frozenset(),
        kinks: Kinks | None = None,
    ) -> ForwardPass:
        """A pass of the network, or of a rewritten one.

        released: the calls whose output that one does not overwrite, as the network does. kinks:
        watches what comes after the start.
        """
        facts = self._model.facts
        # A rewritten one reaches the network's own modules by other ways than their names, as well.
        own = self._model.module
        done, clones = run_forward(
            module,
            image,
            start,
            wanted,
            self.clones - released,
            cancel,
            cut=facts.cut,
            reading=facts.reading,
            bounded=facts.real,
            kinks=kinks,
            beside=own if module is not own else None,
            stopping=self._model.stops,
        )
        self.clones |= clones
        return done

    def _try(self, batch: Tensor, own: Tensor, allowed: int, cancel: CancelToken | None) -> None:
        """Compare the form with the network itself, for a batch as large as none before."""
        if self._form is None:
            start = next(reversed(self._model.facts.calls), None)
            faster = self._model.faster
            if start is not None:
                # The first request only says that there will be more.
                self._form = faster.before(start, allowed, 1, cancel) or faster.before(
                    start, allowed, 1, cancel
                )
        if self._form is None:
            self._plainly = True
            return
        try:
            compare(self._fast(self._form, batch, cancel), own)
        except NETWORK_ERRORS as error:
            if is_out_of_memory(error):
                raise
            _log.info("batches are not computed faster: %s", one_line(error))
            self._form, self._plainly = None, True
        else:
            self._trusted = len(batch)

    def _fast(self, form: Form, batch: Tensor, cancel: CancelToken | None) -> Tensor:
        images = batch.contiguous(memory_format=torch.channels_last)
        # Its own modules are reached by other ways than their names, as well.
        with evaluating(self._model.module):
            return run_plain(form.module, images, self._model.facts.reading, cancel)


def _seen(done: ForwardPass, start: Call, targets: list[int]) -> Seen:
    """What a pass computed for each image's own class."""
    output = done.kept[start].tensor.detach()
    return Seen(output, done.gradients(start, targets), done.logits.detach())
