"""Maps of one layer, of a few, or of the whole network for a method that has none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.explain.answers.combining import combined, missing, parts_for
from engine.explain.answers.copies import mean_of_copies
from engine.explain.answers.known import WHOLE, KnownMaps
from engine.explain.answers.places import Place, suitable
from engine.explain.asking import Asking, before
from engine.explain.drivers.attention_maps import map_attention
from engine.explain.drivers.input_maps import map_input
from engine.explain.drivers.layer_maps import deeper_layers, map_layer
from engine.explain.kept_passes import Computation
from engine.explain.maps import (
    RawMap,
    map_all,
    map_one,
    map_several,
    map_weighted,
    weigh_all,
)
from engine.methods.modifiers import is_augmented
from engine.methods.registry import Chosen, Family, Need, is_cheap
from engine.passes.backward import ForwardPass
from engine.passes.below.own_gradients import own_gradients
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report
from engine.records.asked import Asked


def found_maps(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    places: Sequence[Place | None],
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> list[RawMap]:
    """The map of each layer, or of a method that has none (place None): from those that are known,
    where they are among them or follow from them.

    how: the choice for one layer. Those of several layers come from one pass, and one backward
    pass, by a method that can be swept. Raises Cancelled.
    """
    by_call = {WHOLE if place is None else place.source: place for place in places}
    todo, asked = dict(by_call), asking.known()
    if asked is not None:
        found = known.of(asked, how)
        todo = {call: place for call, place in todo.items() if call not in found}
        parts = parts_for(asked, how)
        lacking = missing(known, parts, how, todo)
        if todo and lacking is not None:
            for part, _ in lacking:
                wanted = tuple(todo.values())
                found_maps(work, known, asking.of(part), wanted, how, cancel, progress)
            known.add(asked, how, combined(known, parts, how, todo))
            todo = {}
        todo = _weighted(work, known, asked, todo, how)
    if todo:
        with own_gradients(how.method.steep):
            maps = _computed(work, known, asking, todo, how, cancel, progress)
            if any(raw.doubtful for raw in maps.values()):
                work.insist()
                maps = _computed(work, known, asking, todo, how, cancel, progress)
        known.add(asking.asked(), how, maps)
    found = known.of(asking.asked(), how)
    return [found[call] for call in by_call]


def _weighted(
    work: Computation,
    known: KnownMaps,
    asked: Asked,
    todo: Mapping[Call, Place | None],
    how: Chosen,
) -> dict[Call, Place | None]:
    """Have those known whose channel weights are, and whose output is kept; the others are left."""
    left: dict[Call, Place | None] = {}
    for call, place in todo.items():
        weights, output = known.weights(asked, how, call), work.output(call)
        if place is None or weights is None or output is None:
            left[call] = place
        else:
            known.add(asked, how, {call: map_weighted(output, weights, how, place.axes)})
    return left


def _computed(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    todo: Mapping[Call, Place | None],
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> Mapping[Call, RawMap]:
    """The maps of these calls, none of which follows from those that are known."""
    if is_augmented(how):

        def find(
            one: Computation, there: KnownMaps, question: Asking, single: Chosen, report: Report
        ) -> Mapping[Call, RawMap]:
            places = tuple(todo.values())
            maps = found_maps(one, there, question, places, single, cancel, report)
            return dict(zip(todo, maps, strict=True))

        starts = how.method.layered and how.method.family is not Family.PIXEL
        start = _earliest(work, todo) if starts else None
        return mean_of_copies(work, known, asking, how, start, find, cancel, progress)
    places = {call: place for call, place in todo.items() if place is not None}
    if len(places) > 1 and how.method.swept:
        return _together(work, asking, places, how, cancel)
    found: dict[Call, RawMap] = {}
    for number, (call, place) in enumerate(todo.items()):
        part = _part(progress, number, len(todo))
        found[call] = _one(work, known, asking, place, how, cancel, part)
    return found


def _one(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    place: Place | None,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    if place is None:
        return _whole(work, asking, how, cancel, progress)
    if how.method.family is Family.PIXEL:
        return map_input(work, how, asking, (place.source, place.axes), cancel, progress)
    return _of_layer(work, known, asking, place, how, cancel, progress)


def _together(
    work: Computation,
    asking: Asking,
    places: Mapping[Call, Place],
    how: Chosen,
    cancel: CancelToken | None,
) -> dict[Call, RawMap]:
    """The maps of several layers: one pass that kept their outputs, and one backward pass."""
    first = _earliest(work, places)
    done = work.pass_over(first, (*places, *asking.calls), cancel)
    axes = {call: place.axes for call, place in places.items()}
    return map_several(done, axes, asking.target(how, done), how, cancel)


def _earliest(work: Computation, calls: Collection[Call]) -> Call:
    order = list(work.model.facts.calls)
    return min(calls, key=order.index)


def _part(progress: Report, number: int, total: int) -> Report:
    """The progress of one layer as a part of that of all."""
    return lambda fraction, text: progress((number + fraction) / total, text)


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
    faster, slug = work.model.faster, how.method.slug
    if how.method.steep and (not how.method.swept or faster.refuses(source, slug)):
        # Of a method that takes passes of its own, what rounding does to it is not looked at.
        work.insist()
    done = work.pass_over(source, later, cancel) if later else work.pass_with(source, cancel)
    if how.method.swept:
        raw = _swept(work, known, asking, place, how, cancel, done)
        if how.method.steep and not done.own:
            faster.doubted(source, near=raw.doubtful, method=slug)
        return raw
    return map_layer(work, done, how, asking, source, axes, cancel, progress)


def _swept(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    place: Place,
    how: Chosen,
    cancel: CancelToken | None,
    done: ForwardPass,
) -> RawMap:
    """The map of one output by a method that can be swept; done: a pass that kept it.

    Where the graph starts at the output, what follows it is known from the same backward pass.
    """
    source, axes, facts = place.source, place.axes, work.model.facts
    target = asking.target(how, done)
    # Other methods take the same gradient for the same question, unless they compare classes.
    key = None if how.method.compared else asking.asked()
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
                return map_weighted(done.kept[source].tensor, weights[source], how, axes)
            return map_one(done, source, target, how, axes, cancel, key)
        remembered = (source, key) if key is not None else None
        maps = map_all(done, among, target, how, cancel, remembered=remembered)
        known.add(asking.asked(), how, {c: m for c, m in maps.items() if not m.doubtful})
        if source in maps:
            return maps[source]
    return map_one(done, source, target, how, axes, cancel, key)
