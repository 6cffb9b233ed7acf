"""Whether a network's attention is between the tokens of one grid, which its maps need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.inspection.spatial_axes import Axes
from engine.passes.below.attention import Shape
from engine.records.models import Layout

_NONE = "this network has no attention between the cells of a grid"
_OTHER = (
    "not all attention of this network is between the same cells (it has windows, shortened "
    "sequences or attention pooling)"
)


@dataclass(frozen=True, slots=True)
class AttentionFacts:
    """axes: the grid, and the tokens before it, between which all attention is; None if it is not.
    reason: why not, in words; '' if it is."""

    axes: Axes | None = None
    reason: str = _NONE


NO_ATTENTION = AttentionFacts()
"""Of most networks."""


def attention_of(
    shapes: Iterable[Shape], outputs: Iterable[tuple[tuple[int, ...], Axes | None]]
) -> AttentionFacts:
    """What the shapes of all attention say, beside the shape and the axes of each output."""
    seen = {shape for shape in shapes if shape.keys > 1}
    tokens = {
        shape[1]: axes
        for shape, axes in outputs
        if axes is not None and axes.layout is Layout.TOKENS and shape[0] == 1
    }
    if not tokens or not seen:
        return NO_ATTENTION
    fitting = {shape.queries for shape in seen}
    if len(fitting) > 1 or any(s.sequences > 1 or s.queries != s.keys for s in seen):
        return AttentionFacts(reason=_OTHER)
    axes = tokens.get(fitting.pop())
    return NO_ATTENTION if axes is None else AttentionFacts(axes, "")
