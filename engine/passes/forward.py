"""Runs forward passes: with the autograd graph kept from some call on, or without a graph."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.passes import outputs
from engine.passes.backward import ForwardPass
from engine.passes.below.kinks import Kinks
from engine.passes.cuts import uncut
from engine.passes.devices import wait_for
from engine.passes.endings import Endings
from engine.passes.hooks import Call, Keeper, evaluating, watching
from engine.passes.memory.allocation import Bounded, TooLarge, limit_of
from engine.passes.modules import stops
from engine.passes.outputs import Reading
from engine.progress import CancelToken

_MAX_TRIES = 4


def run_forward(
    module: nn.Module,
    image: Tensor,
    start: Call | None,
    wanted: Collection[Call],
    clones: Iterable[Call],
    cancel: CancelToken | None = None,
    *,
    cut: bool = False,
    reading: Reading | None = None,
    bounded: bool = False,
    kinks: Kinks | None = None,
    beside: nn.Module | None = None,
    stopping: Collection[str] | None = None,
) -> tuple[ForwardPass, frozenset[Call]]:
    """Run the network once and keep the graph from `start` on (None: from the input on).

    image: (images, channels, h, w) on the module's device. clones: calls whose output is known to
    be overwritten later, so that a clone is passed on. Returns the pass and the clones used in the
    end: if another output is overwritten, the pass is repeated with more clones. cut: disable
    gradient cuts (no_grad, detach) in the network's own code. reading: where the logits are in the
    network's output; None finds them. bounded: limit allocations, since the memory needed is
    unknown (Inspection.real). kinks: watches the operations from the start on. beside: a network
    whose modules this one reaches by other ways than their names. stopping: the modules between
    which the pass can be stopped, as modules.stops gives them; None looks for them.

    The module's parameters, modes and hooks are restored in any case.
    Raises Cancelled, and ModelError if the network keeps overwriting outputs or, if bounded, needs
    too much memory.
    """
    cloned, wanted = frozenset(clones), frozenset(wanted)
    for _ in range(_MAX_TRIES):
        keeper = Keeper(start, wanted, cloned, kinks.begin if kinks is not None else None)
        looking = kinks.ready() if kinks is not None else nullcontext()
        started = time.perf_counter()
        try:
            with Bounded(limit_of(module, image.device)) if bounded else nullcontext(), looking:
                watched = _watched(module, keeper, stopping)
                networks = (module,) if beside is None else (module, beside)
                logits, leaf = _forward(networks, image, keeper, cancel, cut, reading, watched)
        except TooLarge as error:
            raise ModelError(f"the network does not run: {error}") from error
        except RuntimeError as error:
            # A leaf cannot be changed in place, so it needs a clone.
            if "leaf Variable" not in str(error) or start is None or start in cloned:
                raise
            cloned |= {start}
            continue
        overwritten = keeper.overwritten()
        if not overwritten:
            wait_for(image.device)
            seconds = time.perf_counter() - started
            return ForwardPass(logits, leaf, keeper.kept, seconds), cloned
        cloned |= overwritten
    raise ModelError(
        "the network overwrites its own outputs in a way that cannot be tracked; use operations "
        "that are not in-place in its forward method"
    )


def run_plain(
    module: nn.Module,
    batch: Tensor,
    reading: Reading,
    cancel: CancelToken | None = None,
    *,
    bounded: bool = False,
) -> Tensor:
    """The logits of a batch, (n, classes), without a graph; batch: (n, channels, h, w).

    The module's parameters, modes and hooks are restored in any case. Raises ModelError as
    Reading.rows does, or if a bounded pass needs too much memory; Cancelled.
    """
    # The last activation is found again by its version, which inference tensors do not have.
    plain = torch.no_grad if reading.form.ends_in else torch.inference_mode
    limit = Bounded(limit_of(module, batch.device)) if bounded else nullcontext()
    try:
        with torch.inference_mode(False), plain(), evaluating(module), limit:
            with watching(module, _nothing, cancel, ()), reading.watching() as seen:
                output = module(batch.clone())
            return reading.logits(output, seen, len(batch))
    except TooLarge as error:
        raise ModelError(f"the network does not run: {error}") from error


def _nothing(_call: Call, _module: nn.Module, _output: Tensor) -> None:
    """A Visit that keeps nothing."""


def _forward(
    networks: Sequence[nn.Module],
    image: Tensor,
    keeper: Keeper,
    cancel: CancelToken | None,
    cut: bool,
    reading: Reading | None,
    watched: Collection[str],
) -> tuple[Tensor, Tensor]:
    """Logits and leaf of a pass of the first of the networks."""
    module, from_input = networks[0], keeper.start is None
    ends: AbstractContextManager[Endings | None] = reading.watching() if reading else nullcontext()
    with torch.inference_mode(False), torch.set_grad_enabled(from_input), evaluating(*networks):
        leaf = image.detach().requires_grad_(from_input)
        # A network may change its input in place, which must affect neither the caller's tensor
        # nor a leaf.
        with watching(module, keeper, cancel, watched), uncut(cut), ends as seen:
            output = module(leaf.clone())
        logits = (reading or outputs.find(output)).logits(output, seen, len(image))
    keeper.end_of_forward()
    if keeper.start is not None and keeper.start in keeper.kept:
        leaf = keeper.kept[keeper.start].tensor
    return logits, leaf


def _watched(module: nn.Module, keeper: Keeper, stopping: Collection[str] | None) -> set[str]:
    """The modules to hook: those kept, the start, and the outer ones for prompt cancellation."""
    start = {keeper.start[0]} if keeper.start is not None else set()
    # In a network without an explainable layer, the start names no module.
    outer = stops(module) if stopping is None else stopping
    return ({*outer} | start | {name for name, _ in keeper.wanted}) - {""}
