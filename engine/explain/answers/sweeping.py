"""A sweep: the maps of all layers, by one backward pass where memory allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.explain.answers.combining import combined, missing, parts_for
from engine.explain.answers.copies import mean_of_copies
from engine.explain.answers.known import KnownMaps
from engine.explain.answers.places import suitable
from engine.explain.asking import Asking, before
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap, map_all
from engine.inspection import memory
from engine.inspection.spatial_axes import Axes
from engine.methods.modifiers import is_augmented
from engine.methods.registry import Chosen
from engine.model import Model
from engine.passes.below.own_gradients import own_gradients
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report


def sweep_maps(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    cancel: CancelToken | None,
    progress: Report,
) -> None:
    """Have the maps of every explainable output known, for one question and method.

    Those that follow from known maps take no pass. If the graph from the input on does not fit the
    budget, it starts at the earliest output from which it does, and those before that one are left
    out. Raises Cancelled.
    """
    facts = work.model.facts
    axes = suitable(facts, how, before(facts, facts.calls, asking.call))
    remaining = set(axes)
    total = max(1, len(remaining))
    asked = asking.known()
    if asked is not None:
        remaining -= known.of(asked, how).keys()
        remaining -= _following(work, known, asking, how, remaining, cancel, progress)
    wanted = {call: axes[call] for call in axes if call in remaining}
    if wanted and is_augmented(how):
        maps = _of_copies(work, known, asking, how, wanted, cancel, progress)
        known.add(asking.asked(), how, maps)
    elif wanted or work.logits is None:
        _passed(work, known, asking, how, wanted, cancel, progress, total)


def _of_copies(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    wanted: Mapping[Call, Axes],
    cancel: CancelToken | None,
    progress: Report,
) -> dict[Call, RawMap]:
    """The maps by a sweep of each copy of the image."""

    def find(
        one: Computation, there: KnownMaps, question: Asking, single: Chosen, report: Report
    ) -> Mapping[Call, RawMap]:
        sweep_maps(one, there, question, single, cancel, report)
        maps = there.of(question.asked(), single)
        return {call: maps[call] for call in wanted if call in maps}

    return mean_of_copies(work, known, asking, how, None, find, cancel, progress)


def _passed(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    axes: Mapping[Call, Axes],
    cancel: CancelToken | None,
    progress: Report,
    total: int,
) -> None:
    """Add the maps of these outputs to the known ones, by as few passes as fit into memory."""
    facts, remaining = work.model.facts, set(axes)
    whole = work.whole_fits
    if work.logits is None and not (whole and remaining):
        # The class must be known even if no layer's graph fits, or no layer suits the method.
        work.first_pass(cancel)
    while remaining:
        if whole:
            done = work.full_pass(cancel)
        else:
            first = memory.first_that_fits(facts, remaining, work.allowed)
            if first is None:
                break
            done = work.lone_pass(first.call, {*remaining, *asking.calls}, cancel)
            remaining.discard(first.call)
        report = _reporter(progress, total - len(remaining), total)
        todo = {call: axes[call] for call in done.kept if call in axes}
        with own_gradients(how.method.steep):
            maps = map_all(done, todo, asking.target(how, done), how, cancel, report)
        # Freed before the next pass: two graphs at once would not fit.
        del done
        if any(raw.doubtful for raw in maps.values()):
            work.insist()
            continue
        known.add(asking.asked(), how, maps)
        remaining -= maps.keys()
        if whole:
            break


def _following(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    wanted: set[Call],
    cancel: CancelToken | None,
    progress: Report,
) -> set[Call]:
    """Add the maps that follow from those of single classes; what is left takes passes."""
    asked = asking.asked()
    parts = parts_for(asked, how)
    lacking = missing(known, parts, how, wanted)
    for part, _ in lacking or ():
        sweep_maps(work, known, asking.of(part), how, cancel, progress)
    maps = combined(known, parts, how, wanted)
    if maps:
        known.add(asked, how, maps)
    return set(maps)


def _reporter(progress: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda count: progress(min(1.0, (before + count) / total), "explaining every layer")


@dataclass(frozen=True, slots=True)
class Swept:
    """The maps of a sweep by layer name, in tree order, each with the layer's last call. lacking:
    how many layers have none."""

    found: dict[str, tuple[Call, RawMap]]
    lacking: int


def maps_by_layer(model: Model, how: Chosen, asking: Asking, maps: Mapping[Call, RawMap]) -> Swept:
    """Assign the maps of a sweep to the layers that the method and the question suit."""
    facts = model.facts
    wanted = suitable(facts, how, before(facts, facts.calls, asking.call))
    found: dict[str, tuple[Call, RawMap]] = {}
    lacking = 0
    for node in model.layers:
        call = (node.name, node.calls - 1)
        if not node.explainable or facts.calls[call].source not in wanted:
            continue
        raw = maps.get(facts.calls[call].source)
        if raw is None:
            lacking += 1
        else:
            found[node.name] = call, raw
    return Swept(found, lacking)


def left_out(unfit: int, infinite: int) -> tuple[str, ...]:
    """What to say of layers that a sweep has no map of: those that did not fit into memory, and
    those whose map is not finite."""
    said = []
    if unfit:
        which = "1 layer" if unfit == 1 else f"{unfit} layers"
        said.append(
            f"{which} did not fit into memory with the others; click one to explain it separately"
        )
    if infinite:
        which = "1 layer has a map that is"
        if infinite > 1:
            which = f"{infinite} layers have maps that are"
        said.append(f"{which} not finite; check the weights and the preprocessing")
    return tuple(said)
