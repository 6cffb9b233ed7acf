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
# An output with at least this many cells for each of the last ones is a mere stem.
_STEM = 64


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
        if c.axes is not None
        and c.axes.channels(c.shape) >= _FEW_CHANNELS
        and c.source not in facts.flow.gates
        and not (_is_tokens(c) and _is_inside(c, passed))
    ]
    if not explainable:
        return DefaultLayer("")
    chosen, branches = _chosen(facts, wide or features or explainable)
    if facts.carrier is not None and branches == 1 and _is_tokens(facts.calls[chosen]):
        chosen = facts.carrier
    return DefaultLayer(_name(facts, chosen), branches)


def _chosen(facts: Inspection, candidates: Sequence[CallFacts]) -> tuple[Call, int]:
    """The chosen call, and of how many branches it is one."""
    sources = {c.source: c for c in candidates}
    last = [sources[call] for call in facts.flow.last_among(sources)]
    coarsest = min((_cells(c) for c in last), default=1)
    through = [
        sources[call]
        for call in facts.flow.passed_by_all()
        if call in sources and (sources[call] in last or _cells(sources[call]) < _STEM * coarsest)
    ]
    if through:
        return through[-1].source, 1
    if not last:
        return candidates[-1].source, 1
    place = {call: index for index, call in enumerate(facts.calls)}

    def rank(c: CallFacts) -> tuple[int, int, int]:
        assert c.axes is not None
        return facts.flow.depth[c.source], c.axes.channels(c.shape), place[c.source]

    return max(last, key=rank).source, len(last)


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


def _is_inside(tokens: CallFacts, passed: Collection[Call]) -> bool:
    """Whether it is a projection, or a norm that a block's own sum leads past."""
    inner_norm = "norm" in tokens.kind.lower() and tokens.source not in passed
    return tokens.kind == "Linear" or inner_norm


def _is_tokens(facts: CallFacts) -> bool:
    return facts.axes is not None and facts.axes.layout is Layout.TOKENS


def _score_maps(facts: Inspection) -> set[Call]:
    """The outputs whose channels are the classes: as many, and no weights follow."""
    if facts.reading.classes < 2:
        return set()
    found: set[Call] = set()
    weights_of: set[Call] = set()
    for call, known in reversed(facts.calls.items()):
        follows = bool(weights_of - {known.source})
        as_many = known.axes is not None and known.shape[1] == facts.reading.width
        if as_many and not _is_tokens(known) and not follows:
            found.add(call)
        if known.weighted and known.reached:
            weights_of.add(known.source)
    return found
