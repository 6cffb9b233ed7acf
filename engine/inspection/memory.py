"""Estimates the memory that a pass keeps, and splits a sweep so that it fits."""

from __future__ import annotations

from engine.inspection.facts import CallFacts, Inspection
from engine.passes.hooks import Call

# Besides module outputs, autograd saves those of functions (concatenations, additions).
# Measured on torchvision's classifiers, the graph holds 1.0 to 1.4 times the modules' outputs.
_GRAPH_FACTOR = 1.4


def estimate(facts: Inspection, start: Call | None) -> int:
    """Bytes kept by a pass whose graph starts at the call (None: at the input)."""
    total = 0.0
    counting = start is None
    for call, output in facts.calls.items():
        counting = counting or call == start
        if counting and output.source == call:
            total += output.bytes * _GRAPH_FACTOR
            if output.overwritten:
                total += output.bytes
    return int(total)


def largest_after(facts: Inspection, start: Call) -> int:
    """Bytes of the largest output from the call on."""
    order = list(facts.calls)
    return max(facts.calls[call].bytes for call in order[order.index(start) :])


def first_that_fits(facts: Inspection, wanted: set[Call], budget: int) -> CallFacts | None:
    """The earliest of the wanted calls at which a graph can start within the budget."""
    for call, output in facts.calls.items():
        if call in wanted and estimate(facts, call) <= budget:
            return output
    return None
