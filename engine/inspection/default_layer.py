"""Chooses the layer that is explained when none is named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.inspection.facts import CallFacts, Inspection
from engine.inspection.reasons import reason_against
from engine.passes.hooks import Call
from engine.records.models import Layout

# A map of fewer channels shows what one gate or one score looks at, not the network.
_FEW_CHANNELS = 8
# An output with this many cells for each of the last ones is a mere stem, and so is one after less
# than this part (1/n) of the operations.
_STEM_CELLS = 64
_STEM_DEPTH = 4
_MOST_BRANCHES = 8


@dataclass(frozen=True, slots=True)
class DefaultLayer:
    """The default layer's name, '' if no layer can be explained.

    branches: of how many it is one, where no single layer sees all that the network sees; else 1.
    """

    name: str
    branches: int = 1


def default_layer(facts: Inspection) -> DefaultLayer:
    """The last spatial output through which everything leads that the logits see of the image.

    Not considered, unless there is nothing else: outputs of pooling and mere views of another
    output, maps of class scores, outputs of a few channels, gates, and of tokens projections and
    the inner norms of a block. Where nothing is left (two networks side by side), it is the deepest
    of the branches.
    Of tokens that lead nowhere after the last attention, it is the normalised input of that
    attention (a ViT's last ln_1) if all that matters of them leads through it, else the last block
    (CaiT, whose class token reads the same tokens twice).
    If several modules return it, the outermost gives the name (resnet's layer4, not
    layer4.2.relu), and a module that returns only this tensor takes precedence.
    """
    explainable = [c for c in facts.calls.values() if not reason_against(c)]
    scores = _score_maps(facts)
    features = [c for c in explainable if not c.derived and c.call not in scores]
    passed = set(facts.flow.passed_by_all())
    wide = [
        c
        for c in features
        if _channels(c) >= _FEW_CHANNELS
        and c.source not in facts.flow.gates
        and not _is_inside(c, passed)
    ]
    if not explainable:
        return DefaultLayer("")
    chosen, branches = _chosen(facts, wide or features or explainable)
    if facts.carrier is not None and branches == 1:
        order = list(facts.calls)
        chosen = max(chosen, facts.carrier, key=order.index)
    return DefaultLayer(_name(facts, chosen), branches)


def score_map(facts: Inspection) -> Call | None:
    """The last output whose channels are the classes, if it can be explained; else None."""
    scores = _score_maps(facts)
    found = [c.source for c in facts.calls.values() if c.call in scores and not reason_against(c)]
    return found[-1] if found else None


def _chosen(facts: Inspection, candidates: Sequence[CallFacts]) -> tuple[Call, int]:
    """The chosen call, and of how many branches it is one."""
    flow = facts.flow
    among = {c.source for c in candidates}
    last = flow.last_among(among)
    passed = [call for call in flow.passed_by_all() if call in among]
    through = [call for call in passed if call in last or not _is_stem(facts, call, last)]
    if through:
        return through[-1], 1
    place = {call: index for index, call in enumerate(facts.calls)}
    if len(last) == 1:
        return last[0], 1
    if not 1 < len(last) <= _MOST_BRANCHES:
        # Sums that no module returns, so that each addend seems to be a branch of its own.
        norms = [c for c in facts.calls.values() if _is_norm(c) and not reason_against(c)]
        return (norms or candidates)[-1].source, 1

    def rank(call: Call) -> tuple[int, int, int]:
        return flow.depth[call], _channels(facts.calls[call]), place[call]

    return max(last, key=rank), len(last)


def _is_stem(facts: Inspection, call: Call, last: Collection[Call]) -> bool:
    """Whether an output is so early that it says little of what the network found."""
    coarsest = min(_cells(facts.calls[later]) for later in last)
    deepest = max(facts.flow.depth[later] for later in last)
    fine = _cells(facts.calls[call]) >= _STEM_CELLS * coarsest
    return fine or facts.flow.depth[call] * _STEM_DEPTH < deepest


def _name(facts: Inspection, chosen: Call) -> str:
    """The name of the outermost module whose last call returns this output."""
    names = [
        (bool(c.part), name.count("."), place, name)
        for place, ((name, index), c) in enumerate(facts.calls.items())
        if c.source == chosen and index == facts.counts[name] - 1
    ]
    return min(names)[-1] if names else chosen[0]


def _cells(facts: CallFacts) -> int:
    assert facts.axes is not None
    return facts.axes.grid[0] * facts.axes.grid[1]


def _channels(facts: CallFacts) -> int:
    assert facts.axes is not None
    return facts.axes.channels(facts.shape)


def _is_inside(facts: CallFacts, passed: Collection[Call]) -> bool:
    """Whether tokens are a projection, or a norm that a block's own sum leads past."""
    if not _is_tokens(facts):
        return False
    return facts.kind == "Linear" or (_is_norm(facts) and facts.source not in passed)


def _is_norm(facts: CallFacts) -> bool:
    return _is_tokens(facts) and "norm" in facts.kind.lower()


def _is_tokens(facts: CallFacts) -> bool:
    return facts.axes is not None and facts.axes.layout is Layout.TOKENS


def _score_maps(facts: Inspection) -> set[Call]:
    """The outputs whose channels are the classes: as many, and no weights follow.

    None, if earlier outputs have as many channels: then the number says nothing.
    """
    if facts.reading.classes < 2:
        return set()
    found: set[Call] = set()
    weights_of: set[Call] = set()
    for call, known in reversed(facts.calls.items()):
        spatial = known.axes is not None and not _is_tokens(known)
        if spatial and _channels(known) == facts.reading.width:
            if weights_of - {known.source}:
                return set()
            found.add(call)
        if known.weighted and known.reached:
            weights_of.add(known.source)
    return found
