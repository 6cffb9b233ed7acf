"""One map: of one layer, or of the whole network for a method that has none."""

from __future__ import annotations

from engine.explain.answers.combining import combined, missing, parts_for
from engine.explain.answers.known import WHOLE, KnownMaps
from engine.explain.answers.places import Place, suitable
from engine.explain.asking import Asking, before
from engine.explain.attention_maps import map_attention
from engine.explain.input_maps import map_input
from engine.explain.kept_passes import Computation
from engine.explain.layer_maps import deeper_layers, map_layer
from engine.explain.maps import RawMap, map_all, map_one, map_weighted, weigh_all
from engine.methods.registry import Chosen, Family, Need, is_cheap
from engine.progress import CancelToken, Report


def found_map(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    place: Place | None,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    """The map of a layer, or of a method that has none: from those that are known, where it is
    among them or follows from them. Raises Cancelled."""
    call = WHOLE if place is None else place.source
    asked = asking.known()
    if asked is not None:
        if call in known.of(asked, how):
            return known.of(asked, how)[call]
        parts = parts_for(asked, how)
        lacking = missing(known, parts, how, (call,))
        if lacking is not None:
            for part, _ in lacking:
                found_map(work, known, asking.of(part), place, how, cancel, progress)
            known.add(asked, how, combined(known, parts, how, (call,)))
            return known.of(asked, how)[call]
        weights = known.weights(asked, how, call)
        output = work.output(call) if weights is not None else None
        if place is not None and weights is not None and output is not None:
            known.add(asked, how, {call: map_weighted(output, weights, place.axes)})
            return known.of(asked, how)[call]
    if place is None:
        raw = _whole(work, asking, how, cancel, progress)
    elif how.method.family is Family.PIXEL:
        raw = map_input(work, how, asking, (place.source, place.axes), cancel, progress)
    else:
        raw = _of_layer(work, known, asking, place, how, cancel, progress)
    known.add(asking.asked(), how, {call: raw})
    return raw


def _whole(
    work: Computation,
    asking: Asking,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    """The map by a method that has no layer."""
    if how.method.family is Family.ATTENTION:
        return map_attention(work, how, asking, cancel, progress)
    return map_input(work, how, asking, None, cancel, progress)


def _of_layer(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    place: Place,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    """The map of one output, by a method of layers."""
    source, axes, facts = place.source, place.axes, work.model.facts
    later = asking.calls
    if Need.DEEPER in how.method.needs:
        later = (*later, *before(facts, deeper_layers(facts, source), asking.call))
    done = work.pass_over(source, later, cancel) if later else work.pass_with(source, cancel)
    target = asking.target(how, done)
    # Other methods take the same gradient for the same question, unless they compare classes.
    key = None if how.method.compared else asking.asked()
    if how.method.swept:
        starts = done.leaf is done.kept[source].tensor
        known_already = done.remembers(source, key)
        if starts and len(done.kept) > 1 and is_cheap(how.method) and not known_already:
            # The backward pass to where the graph starts passes all layers that it has.
            among = suitable(facts, how, before(facts, done.kept, asking.call))
            if how.method.weights:
                gradient, weights = weigh_all(done, source, among, target, how, cancel)
                known.note(asking.asked(), how, weights)
                if gradient is not None and key is not None:
                    done.remember(source, key, gradient)
                if source in weights:
                    return map_weighted(done.kept[source].tensor, weights[source], axes)
                return map_one(done, source, target, how, axes, cancel, key)
            remembered = (source, key) if key is not None else None
            maps = map_all(done, among, target, how, cancel, remembered=remembered)
            known.add(asking.asked(), how, maps)
            if source in maps:
                return maps[source]
        return map_one(done, source, target, how, axes, cancel, key)
    return map_layer(work, done, how, asking, source, axes, cancel, progress)
