"""Where a map is of: the layer that was named, and the layers that a method can be had for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.errors import LayerError, MethodError
from engine.inspection.facts import Inspection
from engine.inspection.layer_tree import parse_layer
from engine.inspection.reasons import reason_against
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import Chosen, refusal, refusal_of_option
from engine.methods.rows.shared import FUSE
from engine.model import Model
from engine.passes.hooks import Call
from engine.records.explanations import layers_in


@dataclass(frozen=True, slots=True)
class Place:
    """A layer as it was named, its call, the first call that returned that output, and its axes."""

    name: str
    call: Call
    source: Call
    axes: Axes


def place_of(model: Model, layer: str | None, how: Chosen) -> Place:
    """The layer of that name, the default one for None.

    Raises LayerError for one that cannot be explained, MethodError for one that the method cannot
    be had for.
    """
    name = model.address(layer)
    call = parse_layer(name, model.facts, tuple(node.name for node in model.layers))
    facts = model.facts.calls[call]
    assert facts.axes is not None  # parse_layer lets only spatial outputs through
    axes = facts.axes
    reason = refusal(how.method, axes.channels(facts.shape), axes.grid, facts.pooled)
    if reason:
        raise MethodError(f"layer '{name}': {reason}")
    return Place(name, call, facts.source, axes)


def places_of(model: Model, layers: str | Sequence[str] | None, how: Chosen) -> tuple[Place, ...]:
    """The layers of these names, or of one name that joins several by ' + '; the default layer for
    None. Of names for the same output, the first.

    Raises LayerError and MethodError as place_of does, MethodError also for several layers by a
    method that cannot fuse them.
    """
    given = (layers,) if layers is None or isinstance(layers, str) else tuple(layers)
    known = {node.name for node in model.layers}
    names = [
        name for text in given for name in ((None,) if text is None else layers_in(text, known))
    ]
    if not names:
        raise LayerError("no layer is named; name one or more, or None for the default layer")
    found: dict[Call, Place] = {}
    for name in names:
        place = place_of(model, name, how)
        found.setdefault(place.source, place)
    reason = refusal_of_option(how.method, FUSE.name)
    if len(found) > 1 and reason:
        raise MethodError(
            f"{how.method.title} cannot fuse layers: {reason}; name one layer, or choose another "
            "method"
        )
    return tuple(found.values())


def suitable(
    facts: Inspection, how: Chosen, among: Collection[Call] | None = None
) -> dict[Call, Axes]:
    """The spatial axes of every explainable output that the method can be had for.

    among: the calls to look at, for None all of them.
    """
    return {
        call: output.axes
        for call, output in facts.calls.items()
        if output.source == call and output.axes is not None and not reason_against(output)
        if among is None or call in among
        if not refusal(
            how.method, output.axes.channels(output.shape), output.axes.grid, output.pooled
        )
    }
