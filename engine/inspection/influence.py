"""Which outputs of modules may change which others."""

from __future__ import annotations

from engine.inspection.facts import Inspection
from engine.passes.hooks import Call


def influences(facts: Inspection) -> dict[Call, int]:
    """For each call, the places in the pass that its output may change, its own among them.

    Bit p stands for the call at place p of `facts.calls`. An output of which the graph does not say
    what it leads to may change all that is made after it.
    """
    place = {call: index for index, call in enumerate(facts.calls)}
    flow = facts.flow.leads_to
    unknown = sum(1 << at for call, at in place.items() if call not in flow)
    found: dict[Call, int] = {}
    # Backwards: what reads an output is made after it.
    for call in reversed(facts.calls):
        own = 1 << place[call]
        later = ~((1 << place[call]) - 1)
        if call not in flow:
            found[call] = later
            continue
        reached = own | unknown
        for reader in flow[call]:
            reached |= found.get(reader, 0)
        found[call] = reached & later
    return {call: found[known.source] for call, known in facts.calls.items()}


def leading_to(facts: Inspection, other: Call) -> frozenset[Call]:
    """The calls whose output may change that of another one, or is that one."""
    at = list(facts.calls).index(facts.calls[other].source)
    return frozenset(call for call, bits in influences(facts).items() if bits >> at & 1)
