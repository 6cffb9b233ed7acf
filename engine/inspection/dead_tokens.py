"""Finds tokens on which the logits do not depend, although they are part of the autograd graph.

In a classifier that reads only its class token, the image tokens after the last attention affect
nothing. Their gradient is exactly zero, but neither the modules nor the graph show it: they share a
tensor with the class token. So one backward pass tests it when a network is opened.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from engine.inspection import memory
from engine.inspection.facts import CallFacts, Inspection
from engine.inspection.reasons import reason_against
from engine.passes.backward import ForwardPass
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
    """The facts, with token sequences marked as not reached if their grid tokens have no gradient,
    and the norm through which all influence of the others leads (Inspection.carrier), if one does.

    For networks with tokens beside those of the grid, runs one forward pass on noise and a few
    backward passes from a random mixture of the logits. If the logits depend on no sequence at all
    (an all-zero head, for example), the facts are returned unchanged. Raises Cancelled.
    """
    sequences = _sequences(facts)
    for start in _starts(facts, sequences):
        if memory.estimate(facts, start.call) > _MOST_BYTES:
            _log.info("token check skipped: the graph from %s is large", start.call[0])
            return facts
        try:
            trial = _tried(module, facts, start, sequences, device, dtype, cancel)
            if cancel is not None:
                cancel.raise_if_cancelled()
            alive = trial.alive()
            if any(alive.values()):
                return _told(facts, trial, alive)
        except (*NETWORK_ERRORS, MemoryError) as error:
            _log.info("token check skipped: %s", error)
            return facts
    return facts


def has_token_trial(facts: Inspection) -> bool:
    """Whether without_dead_tokens would run the network."""
    return bool(_starts(facts, _sequences(facts)))


def _sequences(facts: Inspection) -> list[CallFacts]:
    return [f for f in facts.calls.values() if f.source == f.call and _is_sequence(f)]


def _is_sequence(facts: CallFacts) -> bool:
    axes = facts.axes
    return axes is not None and axes.layout is Layout.TOKENS and facts.varies and facts.reached


def _starts(facts: Inspection, sequences: list[CallFacts]) -> list[CallFacts]:
    """Where the graph may start: about the last quarter, or else at the first sequence."""
    more = [f for f in sequences if f.axes is not None and f.axes.prefix > 0]
    if not more:
        return []
    late = more[-min(len(more), max(_AT_LEAST, len(more) // _TRIED))]
    # From an output through which everything leads, so that what follows can be compared with it.
    order = {call: place for place, call in enumerate(facts.calls)}
    before = [
        facts.calls[call]
        for call in facts.flow.passed_by_all()
        if order[call] <= order[late.call] and not reason_against(facts.calls[call])
    ]
    late = before[-1] if before else late
    return [late, sequences[0]] if order[late.call] > order[sequences[0].call] else [late]


@dataclass(frozen=True, slots=True)
class _Trial:
    """A pass on noise.

    outputs: those it kept, by call: the start and the sequences after it. mixture: of its logits,
    a scalar.
    """

    done: ForwardPass
    outputs: dict[Call, CallFacts]
    mixture: Tensor

    def alive(self) -> dict[Call, bool]:
        """For each sequence, whether any of its grid tokens has a gradient."""
        calls = [call for call, known in self.outputs.items() if _is_sequence(known)]
        gradients = self._gradients(calls)
        return {c: self._reaches(c, g) for c, g in zip(calls, gradients, strict=True)}

    def carries_all(self, norm: Call, before: Call) -> bool:
        """Whether the grid tokens of `before` act on the logits only through those of the norm."""
        prefix = self._prefix(norm)

        def stop(gradient: Tensor) -> Tensor:
            stopped = gradient.clone()
            stopped[:, prefix:] = 0
            return stopped

        tensor: Any = self.done.kept[norm].tensor
        handle = tensor.register_hook(stop)
        try:
            return not self._reaches(before, self._gradients([before])[0])
        finally:
            handle.remove()

    def _gradients(self, calls: list[Call]) -> tuple[Tensor | None, ...]:
        with torch.inference_mode(False), torch.enable_grad():
            return torch.autograd.grad(
                self.mixture,
                [self.done.kept[call].tensor for call in calls],
                retain_graph=True,
                allow_unused=True,
            )

    def _prefix(self, call: Call) -> int:
        axes = self.outputs[call].axes
        assert axes is not None
        return axes.prefix

    def _reaches(self, call: Call, gradient: Tensor | None) -> bool:
        return gradient is not None and bool(gradient[:, self._prefix(call) :].any())


def _tried(
    module: nn.Module,
    facts: Inspection,
    start: CallFacts,
    sequences: list[CallFacts],
    device: torch.device,
    dtype: torch.dtype,
    cancel: CancelToken | None,
) -> _Trial:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(facts.input_shape, generator=generator).to(device, dtype)
    wanted = {f.call: f for f in (start, *sequences)}
    done, _ = run_forward(
        module,
        picture,
        start.call,
        wanted,
        facts.overwritten(),
        cancel,
        cut=facts.cut,
        reading=facts.reading,
        bounded=facts.real,
    )
    weights = torch.randn(done.logits.shape, generator=generator).to(done.logits)
    with torch.inference_mode(False), torch.enable_grad():
        mixture = (done.logits * weights).sum()
    return _Trial(done, {call: wanted[call] for call in done.kept}, mixture)


def _told(facts: Inspection, trial: _Trial, alive: dict[Call, bool]) -> Inspection:
    """The facts with what the trial has shown."""
    dead = {call for call, has in alive.items() if not has}
    if not dead:
        return facts
    calls = {
        call: replace(f, reached=False) if f.source in dead else f
        for call, f in facts.calls.items()
    }
    return replace(facts, calls=calls, carrier=_carrier(facts, trial, alive))


def _carrier(facts: Inspection, trial: _Trial, alive: dict[Call, bool]) -> Call | None:
    kept = trial.outputs
    passed = [c for c in facts.flow.passed_by_all() if c in kept and alive.get(c, True)]
    if not passed:
        return None
    order = list(facts.calls)
    norms = [
        call
        for call in order[order.index(passed[-1]) + 1 :]
        if alive.get(call) and "norm" in facts.calls[call].kind.lower()
    ]
    return next((n for n in reversed(norms) if trial.carries_all(n, passed[-1])), None)
