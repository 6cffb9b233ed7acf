"""Finds tokens on which the logits do not depend, although they are part of the autograd graph.

In a classifier that reads only its class token, the image tokens after the last attention affect
nothing. Their gradient is exactly zero, but neither the modules nor the graph show it: they share a
tensor with the class token. So one backward pass tests it when a network is opened.
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

# Only the last quarter of the sequences is tested; if some of it is reached, everything before is
# taken to be reached as well. The graph then covers a quarter of the network at most. In a shallow
# network a quarter is less than a block, hence the minimum.
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
    """The facts, with token sequences marked as not reached if their grid tokens have no gradient.

    For networks with tokens beside those of the grid, runs one forward pass on noise and one
    backward pass from a random mixture of the logits. If the logits depend on no sequence at all
    (an all-zero head, for example), the facts are returned unchanged. Raises Cancelled.
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
    """Where the graph may start: at the last quarter, or else at the first sequence."""
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
    """For each sequence from the start on, whether any of its grid tokens has a gradient."""
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
