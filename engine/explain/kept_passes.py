"""Forward passes kept by a session: which one serves a request, and what is done when one fails."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ModelError, one_line
from engine.explain.allowance import Allowance
from engine.explain.forms import Forms
from engine.inspection import memory
from engine.inspection.default_layer import default_layer
from engine.inspection.reasons import reason_against
from engine.model import Model
from engine.passes import devices
from engine.passes.backward import ForwardPass
from engine.passes.hooks import NETWORK_ERRORS, Call
from engine.passes.memory.budget import is_out_of_memory, release_cache
from engine.passes.memory.reserve import sizes_of
from engine.progress import CancelToken
from engine.records.asked import Asked

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

# Passes that are made to tell how long one takes, and the seconds after which no more are begun.
_TRIALS = 5
_MOMENT = 1.0


class Computation:
    """Runs the model on one input and keeps what later requests need.

    image: (1, channels, h, w) on the CPU, or a batch, for which pass_with serves. budget: bytes
    that may be kept; None means half of the memory that is free at the time. exact: use the
    network's own modules in every pass. logits: float64 (classes,), of the first image, known after
    the first pass. values: what questions about outputs of layers explain, as far as it was seen.
    """

    def __init__(
        self, model: Model, image: Tensor, budget: int | None, *, exact: bool = False
    ) -> None:
        self.model = model
        self.logits: NDArray[np.float64] | None = None
        self.values: dict[Asked, float] = {}
        self.forward_seconds = 0.0
        self.notices: list[str] = []
        self._image = image
        self._input: Tensor | None = None
        self._allowance = Allowance(model, budget)
        sources = {call for call, f in model.facts.calls.items() if f.source == call}
        self._sources = sources
        self._explainable = {c for c in sources if not reason_against(model.facts.calls[c])}
        self._tail: ForwardPass | None = None
        self._full: ForwardPass | None = None
        self._walked = False
        self._forms = Forms(model, exact=exact)
        self._untrainable = False
        self._closed = False

    @property
    def input(self) -> Tensor:
        """The image on the model's device, in its dtype."""
        model = self.model
        if self._input is None or self._input.device.type != model.device.type:
            self._release()
            # An inference tensor, created in a caller's inference mode, cannot join a graph.
            with torch.inference_mode(False):
                self._input = self._image.to(model.device, model.dtype)
        return self._input

    @property
    def allowed(self) -> int:
        """Bytes that a pass may hold now."""
        return self._allowance.bytes

    @property
    def whole_fits(self) -> bool:
        """Whether the graph from the input on fits the budget, or is already kept."""
        # A full pass that exists already holds its memory, so free memory is no criterion.
        return self._full is not None or self._allowance.fits(None)

    def of_copy(self, image: Tensor, start: Call | None) -> Computation:
        """A computation for another image of this input's shape, by what is known of the network.

        start: where the graphs of its passes start, None for the input. Frees the kept passes first
        if both do not fit.
        """
        if not self._allowance.fits(start):
            self._release()
        other = Computation(self.model, image, self._allowance.budget, exact=self._forms.exact)
        other._forms.clones, other._forms.own = self._forms.clones, self._forms.own
        other._allowance.frugal = self._allowance.frugal
        other._untrainable = self._untrainable
        return other

    @property
    def image(self) -> Tensor:
        """(1, channels, h, w) on the CPU, as it was given."""
        return self._image

    @property
    def held_bytes(self) -> int:
        """About how many bytes the kept passes hold; the largest graph counts."""
        facts, kept = self.model.facts, self._full or self._tail
        if kept is None:
            return 0
        first = next((call for call in facts.calls if call in kept.kept), None)
        return memory.estimate(facts, None if kept is self._full else first)

    @property
    def is_own(self) -> bool:
        """Whether the network's own modules made all that is kept."""
        return all(done is None or done.is_wholly_own for done in (self._full, self._tail))

    def insist(self) -> None:
        """Rewrite nothing before a layer in later passes with a graph, and free what was made
        otherwise: passes, or a gradient alone."""
        self._forms.own = True
        for done in (self._full, self._tail):
            if done is not None and done.own:
                done.forget_borrowed()
        if not self.is_own:
            self._release()

    def close(self) -> None:
        """Free everything; later requests raise ModelError."""
        self._release()
        self._input = None
        self._closed = True

    def notify(self, text: str) -> None:
        """Keep a notice for the user, and log it."""
        _log.warning("%s", text)
        if text not in self.notices:
            self.notices.append(text)

    def first_pass(self, cancel: CancelToken | None) -> None:
        """Run the network, ready to explain the default layer."""
        default = default_layer(self.model.facts).name
        last = self.model.facts.last(default) if default else None
        self.pass_with(last.source if last is not None else ("", -1), cancel)

    def pass_with(self, source: Call, cancel: CancelToken | None) -> ForwardPass:
        """A pass that kept the call's output: an existing one, or else a new one."""
        for known in (self._full, self._tail):
            if known is not None and source in known.kept:
                return known
        later: tuple[Call, ...] = ()
        if self._tail is not None and self.whole_fits:
            if self._walked:
                return self.full_pass(cancel)
            # Whoever goes through the layers mostly goes on towards the logits.
            self._walked = True
            order = list(self.model.facts.calls)
            later = tuple(c for c in order[order.index(source) :] if c in self._explainable)
        self._release()
        self._tail = self._run(source, later, cancel)
        return self._tail

    def full_pass(self, cancel: CancelToken | None) -> ForwardPass:
        """A pass that kept every output: its graph starts at the input, or at the first of them."""
        tail = self._tail
        if self._full is None and tail is not None and self._explainable <= tail.kept.keys():
            return tail
        return self._full or self._make_full(cancel)

    def _make_full(self, cancel: CancelToken | None) -> ForwardPass:
        full = self._run(None, self._explainable, cancel)
        if self._tail is not None:
            # The layer on screen is still the same, and other methods may be asked for it.
            full.take_over(self._tail)
        self._full, self._tail = full, None
        return full

    def output(self, source: Call) -> Tensor | None:
        """The call's output, if a kept pass has it."""
        for known in (self._full, self._tail):
            if known is not None and source in known.kept:
                return known.kept[source].tensor
        return None

    def remembers(self, source: Call, asked: Asked) -> bool:
        """Whether the gradient of what was asked, with respect to the call's output, is kept."""
        return any(
            done is not None and done.remembers(source, asked) for done in (self._full, self._tail)
        )

    def lone_pass(self, start: Call, wanted: set[Call], cancel: CancelToken | None) -> ForwardPass:
        """A pass that is not kept, with a graph starting at a call; frees the kept passes first."""
        self._release()
        return self._run(start, wanted, cancel, plainly=True)

    def input_pass(self, cancel: CancelToken | None, wanted: Collection[Call] = ()) -> ForwardPass:
        """A pass whose graph starts at the input; kept, with every output, if that fits.

        wanted: explainable calls whose outputs it has in any case.
        """
        if self._full is None and self.whole_fits:
            self._make_full(cancel)
        if self._full is None:
            self._release()
            return self._run(None, wanted, cancel)
        return self._full

    def own_pass(self, cancel: CancelToken | None, wanted: Collection[Call] = ()) -> ForwardPass:
        """A new pass whose graph starts at the input, for the caller alone, who may be watching it:
        by the network's own modules, and with no other pass beside it.

        wanted: the calls whose outputs it keeps. Frees the kept passes first if both do not fit.
        """
        if not self._allowance.fits(None):
            self._release()
        return self._run(None, wanted, cancel, plainly=True)

    def plain_pass(self, cancel: CancelToken | None) -> None:
        """Run the network once more without a graph, for a mode that watches."""
        started = time.perf_counter()
        logits = self.batch_logits(self.input, cancel)
        devices.wait_for(self.model.device)
        self._note(logits, time.perf_counter() - started)

    def steady(self, cancel: CancelToken | None) -> float:
        """Seconds of one forward pass: the shortest of a few, as many as take a moment.

        The first ones of a process take up to a hundred times as long as those that follow.
        """
        taken: list[float] = []
        while len(taken) < _TRIALS and sum(taken) < _MOMENT:
            self.plain_pass(cancel)
            taken.append(self.forward_seconds)
        return min(taken)

    def pass_over(
        self, source: Call, later: Collection[Call], cancel: CancelToken | None
    ) -> ForwardPass:
        """A pass that kept the call's output and those of later calls; an existing one, or new."""
        for known in (self._full, self._tail):
            if known is not None and {source, *later} <= known.kept.keys():
                return known
        self._release()
        self._tail = self._run(source, later, cancel)
        return self._tail

    def batch_pass(
        self,
        batch: Tensor,
        cancel: CancelToken | None,
        start: Call | None = None,
        wanted: Collection[Call] = (),
    ) -> ForwardPass:
        """A pass over a batch (n, channels, h, w) that is not kept.

        Its graph starts at the output of the call, for None at the batch. wanted: the calls whose
        outputs it has.
        """
        wanted = self._sources if self._untrainable else wanted
        return self._forms.own_graph(batch, start, wanted, cancel)

    def start_batches(self) -> None:
        """Begin a run of batches: equal runs give equal logits."""
        self._forms.start()

    def batch_logits(self, batch: Tensor, cancel: CancelToken | None) -> Tensor:
        """The logits of a batch (n, channels, h, w), without a graph: (n, classes)."""
        return self._forms.logits(batch, self.allowed, cancel)

    def batch_output(self, batch: Tensor, call: Call, cancel: CancelToken | None) -> Tensor:
        """What a call returns for a batch (n, channels, h, w), without a graph: (n, ...)."""
        return self._forms.output(batch, call, cancel)

    def guarded(self, work: Callable[[], _T]) -> _T:
        """Do the work; when memory runs out, retry with less kept, then on the CPU.

        Raises ModelError when the network itself fails, DeviceError when memory does not suffice
        even with the least kept.
        """
        if self._closed:
            raise ModelError("the session is closed; open a new one for this image")
        while True:
            try:
                return work()
            except (*NETWORK_ERRORS, MemoryError) as error:
                if _overwrites_what_its_gradient_needs(error) and not self._untrainable:
                    self._untrainable = True
                    self._release()
                    continue
                if not is_out_of_memory(error):
                    # As text: a log record holding the traceback would keep the graph alive.
                    trace = traceback.format_exc()
                    _log.error("%s: the network failed\n%s", self.model.source, trace)
                    raise self._failure(error) from error
                _log.warning("out of memory on %s: %s", self.model.device, error)
            # Outside the except block, so that the traceback no longer keeps the graph alive.
            self._retreat()

    def _failure(self, error: BaseException) -> ModelError:
        text = one_line(error)
        hint = "" if self.model.device.type == "cpu" else "; try it on the CPU"
        return ModelError(
            f"{self.model.source}: the network failed: {text}; see the log for details{hint}"
        )

    def _run(
        self,
        start: Call | None,
        wanted: Collection[Call],
        cancel: CancelToken | None,
        *,
        plainly: bool = False,
    ) -> ForwardPass:
        """A new pass. plainly: with the network's own modules alone."""
        if self._untrainable:
            wanted = self._sources
        many = len(wanted) > 1 and not self._allowance.frugal
        if many:
            self.model.reserve.give()
        plainly = plainly or self._untrainable or self._allowance.frugal
        done = self._forms.graph(self.input, start, wanted, self.allowed, cancel, plainly=plainly)
        self._note(done.logits, done.seconds)
        if many:
            self.model.reserve.hold(self.allowed, sizes_of(done))
        return done

    def _note(self, logits: Tensor, seconds: float) -> None:
        self.forward_seconds = seconds
        self.model.pass_seconds = seconds / len(self._image)
        if self.logits is None:
            # To the CPU first: not every device supports float64.
            self.logits = logits.detach()[0].cpu().double().numpy()

    def _release(self) -> None:
        freed = [sizes for done in (self._full, self._tail) if (sizes := sizes_of(done))]
        self._tail = self._full = None
        if freed and not self._allowance.frugal:
            self.model.reserve.hold(self.allowed, Counter(), *freed)
        release_cache(self.model.device)

    def _retreat(self) -> None:
        self._release()
        self.model.reserve.clear()
        self.notify(self._allowance.retreat())


def _overwrites_what_its_gradient_needs(error: BaseException) -> bool:
    """Whether autograd found a saved tensor changed by an in-place operation.

    Such a network can run but not be trained. If modules pass on clones, it has gradients.
    """
    return isinstance(error, RuntimeError) and "modified by an inplace operation" in str(error)
