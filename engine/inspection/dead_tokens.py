"""Tokens that the logits do not depend on, although they are on the graph.

A classifier that reads its class token alone has, after its last attention, tokens of the picture
that lead nowhere. Their gradient is exactly zero, and no look at the modules or at the graph tells:
they are in the same tensor as the class token. So it is tried, once, when a network is opened.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import torch
from torch import nn

from engine.inspection import memory
from engine.inspection.facts import CallFacts, Inspection
from engine.passes.forward import run_forward
from engine.passes.hooks import NETWORK_ERRORS, Call
from engine.progress import CancelToken
from engine.records.models import Layout

_log = logging.getLogger(__name__)

# What comes before the last quarter of the sequences is taken to be reached where some of that
# quarter is: the graph from there on holds a quarter of the network at most. In a shallow network
# that is less than a block, so it is at least so many.
_TRIED = 4
_AT_LEAST = 40
_MOST_BYTES = 1 << 30


def without_dead_tokens(
    module: nn.Module,
    facts: Inspection,
    device: torch.device,
    dtype: torch.dtype,
    cancel: CancelToken | None = None,
) -> Inspection:
    """The facts, with sequences marked as not reached whose cells have no gradient at all.

    Runs the network once on noise, and back from a random mixture of its logits, where it has
    sequences with tokens beside those of the grid. A network whose logits depend on none of them
    (its head is all zeros, say) is left as it is. Raises Cancelled.
    """
    sequences = [f for f in facts.calls.values() if f.source == f.call and _is_sequence(f)]
    for start in _starts(sequences):
        if memory.estimate(facts, start.call) > _MOST_BYTES:
            _log.info("token check skipped: the graph from %s is large", start.call[0])
            return facts
        wanted = {f.call: f for f in sequences}
        try:
            alive = _alive(module, facts, start.call, wanted, device, dtype, cancel)
        except (*NETWORK_ERRORS, MemoryError) as error:
            _log.info("token check skipped: %s", error)
            return facts
        if any(alive.values()):
            dead = {call for call, has in alive.items() if not has}
            calls = {
                call: replace(f, reached=False) if f.source in dead else f
                for call, f in facts.calls.items()
            }
            return replace(facts, calls=calls)
    return facts


def _is_sequence(facts: CallFacts) -> bool:
    axes = facts.axes
    if axes is None or axes.layout is not Layout.TOKENS or axes.prefix == 0:
        return False
    return facts.varies and facts.reached


def _starts(sequences: list[CallFacts]) -> list[CallFacts]:
    """Where the graph may start: at the last quarter, or else at the first of all."""
    if not sequences:
        return []
    late = sequences[-min(len(sequences), max(_AT_LEAST, len(sequences) // _TRIED))]
    return [late, sequences[0]] if late is not sequences[0] else [late]


def _alive(
    module: nn.Module,
    facts: Inspection,
    start: Call,
    wanted: dict[Call, CallFacts],
    device: torch.device,
    dtype: torch.dtype,
    cancel: CancelToken | None,
) -> dict[Call, bool]:
    """For each sequence from the start on, whether the gradient of any of its cells is not zero."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(facts.input_shape, generator=generator).to(device, dtype)
    done, _ = run_forward(
        module,
        picture,
        start,
        wanted,
        facts.overwritten(),
        cancel,
        cut=facts.cut,
        reading=facts.reading,
        bounded=facts.real,
    )
    if cancel is not None:
        cancel.raise_if_cancelled()
    mixture = torch.randn(done.logits.shape, generator=generator).to(done.logits)
    with torch.inference_mode(False), torch.enable_grad():
        gradients = torch.autograd.grad(
            (done.logits * mixture).sum(),
            [kept.tensor for kept in done.kept.values()],
            allow_unused=True,
        )
    alive: dict[Call, bool] = {}
    for call, gradient in zip(done.kept, gradients, strict=True):
        axes = wanted[call].axes
        assert axes is not None
        alive[call] = gradient is not None and bool(gradient[:, axes.prefix :].any())
    return alive
