"""One forward pass for several layers that are known beforehand."""

from __future__ import annotations

from collections.abc import Iterable

from engine.explain.kept_passes import Computation
from engine.inspection import memory
from engine.passes.hooks import Call
from engine.progress import CancelToken


def share_pass(work: Computation, calls: Iterable[Call], cancel: CancelToken | None) -> None:
    """Have the outputs of all these calls kept by one pass, if its graph fits. Raises Cancelled."""
    facts = work.model.facts
    order = list(facts.calls)
    sources = sorted({facts.calls[call].source for call in calls}, key=order.index)
    if len(sources) > 1 and memory.estimate(facts, sources[0]) <= work.allowed:
        work.pass_over(sources[0], sources[1:], cancel)
