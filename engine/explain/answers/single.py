"""One map: of one layer, or of the whole network for a method that has none."""

from __future__ import annotations

from engine.explain.answers.asking import Asking, first_pass
from engine.explain.answers.known import WHOLE, KnownMaps
from engine.explain.answers.places import Place, suitable
from engine.explain.attention_maps import map_attention
from engine.explain.compared import target_of
from engine.explain.input_maps import map_input
from engine.explain.kept_passes import Computation
from engine.explain.layer_maps import deeper_layers, map_layer
from engine.explain.maps import RawMap, map_all, map_one
from engine.methods.registry import Chosen, Family, Need, is_cheap
from engine.progress import CancelToken, Report


def layer_map(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    place: Place,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    """The map of one layer, from those that are known where it is among them. Raises Cancelled."""
    if asking.is_decided and place.source in known.of(asking.target(), how):
        return known.of(asking.target(), how)[place.source]
    if how.method.family is Family.PIXEL:
        source = place.source, place.axes
        raw = map_input(work, how, asking.target, source, cancel, progress)
    else:
        raw = _of_layer(work, known, asking, place, how, cancel, progress)
    known.of(asking.target(), how)[place.source] = raw
    return raw


def whole_map(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> RawMap:
    """The map by a method that has no layer, as layer_map finds it."""

    def target() -> int:
        if work.logits is None:
            first_pass(work, cancel)
        return asking.target()

    if work.logits is not None and WHOLE in known.of(asking.target(), how):
        return known.of(asking.target(), how)[WHOLE]
    if how.method.family is Family.ATTENTION:
        raw = map_attention(work, how, target, cancel, progress)
    else:
        raw = map_input(work, how, target, None, cancel, progress)
    known.of(asking.target(), how)[WHOLE] = raw
    return raw


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
    if Need.DEEPER in how.method.needs:
        done = work.pass_over(source, deeper_layers(facts, source), cancel)
    else:
        done = work.pass_with(source, cancel)
    chosen = asking.target()
    assert work.logits is not None
    target = target_of(how, work.logits, chosen)
    if how.method.swept:
        starts = done.leaf is done.kept[source].tensor
        if starts and len(done.kept) > 1 and is_cheap(how.method):
            # The backward pass to where the graph starts passes all layers that it has.
            maps = map_all(done, suitable(facts, how, done.kept), target, how, cancel)
            known.of(chosen, how).update(maps)
            if source in maps:
                return maps[source]
        return map_one(done, source, target, how, axes, cancel)
    return map_layer(work, done, how, chosen, target, source, axes, cancel, progress)
