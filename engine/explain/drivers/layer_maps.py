"""Maps of one layer that take more than its output and gradient from one pass.

The driver of methods that are not for sweeps: it gets what a method's row asks for, calls its
function, and leaves the rest to the session.
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from engine.errors import MethodError, one_line
from engine.explain.asking import Asking
from engine.explain.drivers.layer_passes import LayerPasses
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap, channels_first, given_of, raw_of
from engine.inspection.facts import Inspection
from engine.inspection.reasons import reason_against
from engine.inspection.spatial_axes import Axes
from engine.methods.costs import expected, expected_words
from engine.methods.inputs import MethodInput
from engine.methods.registry import Chosen, Need, load
from engine.passes.backward import ForwardPass, Target
from engine.passes.below.polling import Polled
from engine.passes.below.twice import derivable_twice
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report
from engine.records.models import Scores

# What torch says where an operation, or a function of a network's own, can be derived only once.
_ONLY_ONCE = ("derivative for", "once_differentiable", "not implemented", "twice")


def map_layer(
    work: Computation,
    done: ForwardPass,
    chosen: Chosen,
    asking: Asking,
    source: Call,
    axes: Axes,
    cancel: CancelToken | None,
    report: Report,
) -> RawMap:
    """The map of one output by a method that is not for sweeps.

    done: a pass that kept the output, those of the deeper layers if the method asks for them, and
    that which the question is about.

    Raises Cancelled, and MethodError where the network is none for the method.
    """
    started = time.perf_counter()
    needs, target = chosen.method.needs, asking.target(chosen, done)
    output = done.kept[source].tensor
    if Need.CURVATURE in needs:
        along = output.detach().clone()
        # The tokens before the grid's cells are not of the activation.
        along[:, : axes.prefix] = 0
        with Polled(cancel):
            gradient, curved = _curvature(work, done, asking, chosen, source, along, cancel)
        given = given_of(chosen, output, gradient, axes)
        given = replace(given, curvature=channels_first(curved, axes))
    elif Need.DEEPER in needs:
        given = _with_deeper(work.model.facts, done, chosen, source, axes, target, cancel)
    else:
        given = given_of(chosen, output, None, axes)
    if Need.INPUT_PASSES in needs or Need.LAYER_PASSES in needs:
        given = _with_passes(work, given, chosen, asking, source, output, axes, cancel, report)
    with torch.no_grad():
        found = load(chosen.method)(given)
    return raw_of(found, lambda: time.perf_counter() - started)


def deeper_layers(facts: Inspection, source: Call) -> tuple[Call, ...]:
    """For each grid after an output, the last output of that grid on every way to the logits.

    Outputs that come from pooling are left out.
    """
    place = {call: index for index, call in enumerate(facts.calls)}
    last: dict[tuple[int, int], Call] = {}
    for call in facts.flow.passed_by_all():
        output = facts.calls[call]
        if place[call] <= place[source] or output.derived or reason_against(output):
            continue
        if output.axes is not None:
            last[output.axes.grid] = call
    return tuple(last.values())


def _with_passes(
    work: Computation,
    given: MethodInput,
    chosen: Chosen,
    asking: Asking,
    source: Call,
    output: Tensor,
    axes: Axes,
    cancel: CancelToken | None,
    report: Report,
) -> MethodInput:
    forward, backward = expected(chosen, tuple(given.activation.shape))
    words = expected_words(chosen, tuple(given.activation.shape), work.forward_seconds)
    report(0.0, f"{chosen.method.title}: {words}" if words else chosen.method.title)
    passes = LayerPasses(
        work,
        asking,
        chosen,
        source,
        output,
        axes,
        cancel,
        report,
        most=given.whole("batch"),
        total=max(forward, backward),
    )
    return replace(
        given,
        image=work.input[0].detach(),
        score=asking.value(),
        passes=passes,
        probable=work.model.facts.reading.form.scores is not Scores.VALUES,
    )


def _with_deeper(
    facts: Inspection,
    done: ForwardPass,
    chosen: Chosen,
    source: Call,
    axes: Axes,
    target: Target,
    cancel: CancelToken | None,
) -> MethodInput:
    """With the maps of the deeper layers, all from one backward pass."""
    from engine.methods.layers.gradients import base_map

    own: list[Tensor] = []
    maps: dict[Call, Tensor] = {}

    def reduce(call: Call, output: Tensor, gradient: Tensor) -> None:
        if cancel is not None:
            cancel.raise_if_cancelled()
        if call == source:
            own.append(gradient)
            return
        at = facts.calls[call].axes
        assert at is not None
        with torch.no_grad():
            maps[call] = base_map(given_of(chosen, output, gradient, at)).map

    done.visit_gradients({source, *deeper_layers(facts, source)}, target, reduce)
    output = done.kept[source].tensor
    gradient = own[0] if own else torch.zeros_like(output)
    return replace(given_of(chosen, output, gradient, axes), deeper=tuple(maps.values()))


def _curvature(
    work: Computation,
    done: ForwardPass,
    asking: Asking,
    chosen: Chosen,
    source: Call,
    along: Tensor,
    cancel: CancelToken | None,
) -> tuple[Tensor, Tensor]:
    """G and H A; where an operation has no second derivative, by others that say the same."""
    target = asking.target(chosen)
    try:
        return done.curvature(source, target, along, cancel)
    except RuntimeError as error:
        if not _is_only_once(error):
            raise
    try:
        with derivable_twice():
            again = work.lone_pass(source, set(asking.calls), cancel)
            return again.curvature(source, target, along, cancel)
    except RuntimeError as error:
        if not _is_only_once(error):
            raise
        raise MethodError(
            f"an operation of this network has no second derivative ({one_line(error)}); choose "
            "another method"
        ) from error


def _is_only_once(error: RuntimeError) -> bool:
    return any(words in str(error) for words in _ONLY_ONCE)
