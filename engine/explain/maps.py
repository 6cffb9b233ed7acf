"""Computes maps from a forward pass: one layer, or all layers of a sweep, by any method.

The gradient and activation families share this module; a method that runs the network many times
for one map gets a driver of its own beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.inspection.spatial_axes import Axes
from engine.methods.gradient import weighted
from engine.methods.inputs import MethodInput, MethodMap, Sums, Weights
from engine.methods.registry import Chosen, Family, Method, Need, load, load_weights
from engine.methods.rounding import is_doubtful
from engine.methods.rows.shared import EIGEN
from engine.passes.backward import ForwardPass, Target
from engine.passes.hooks import Call
from engine.progress import CancelToken
from engine.records.explanations import FloatMap, Verdict
from engine.records.models import Layout


@dataclass(frozen=True, slots=True, eq=False)
class RawMap:
    """A map as its method returned it, on the CPU: signed float32 (h, w).

    anything: False if its ingredients are zero throughout. said: sentences about how it was
    computed. seconds: wall-clock time without the forward pass (in a sweep, an equal share of it).
    sums: what the map sums to and should, of a method that says so. doubtful: whether rounding
    decides on it, and the pass was not the network's own for the one image: it is not to be shown.
    """

    map: FloatMap
    anything: bool
    said: tuple[str, ...]
    seconds: float
    sums: Sums | None = None
    doubtful: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is to say about how it was computed."""
        return self.said if self.sums is None else (*self.said, self.sums.sentence)

    def judged(
        self, method: Method, *, of_class: bool, signed: bool
    ) -> tuple[Verdict, tuple[str, ...]]:
        """Whether the map shows anything, and what to say when it does not.

        of_class: whether the question is that of a class's own score. signed: whether the map can
        be negative anywhere.
        """
        what, score = ("the class", "the score of the class")
        if not of_class:
            what = score = "what was asked"
        if not self.anything and not method.layered:
            text = f"The map is zero: no pixel of this image affects {what}."
            return Verdict.ZERO_GRADIENT, (text,)
        if not self.anything and method.family is Family.PERTURBATION:
            text = f"No channel of this layer changes {score} for this image."
            return Verdict.NO_EFFECT, (text,)
        if not self.anything and Need.GRADIENT in method.needs:
            text = f"The gradient is zero: this layer does not affect {what} for this image."
            return Verdict.ZERO_GRADIENT, (text,)
        if not self.anything:
            return Verdict.ZERO_ACTIVATION, (
                "The layer's output is zero: there is nothing to map.",
            )
        if self.map.max() <= 0:
            side = "look at the negative side, or " if signed else ""
            other = "layer or class" if method.class_dependent else "layer"
            other = other if method.layered else "class"
            other = other if of_class else other.replace("class", "question")
            return Verdict.NOTHING_POSITIVE, (f"Nothing positive: {side}choose another {other}.",)
        return Verdict.OK, ()


def map_of(
    chosen: Chosen, output: Tensor, gradient: Tensor | None, axes: Axes, *, own: bool
) -> MethodMap:
    """The map of one output by a method.

    output, gradient: (1, C, h, w), (1, h, w, C) or (1, N, C), as given by axes, of any floating
    dtype; computed in float32 or wider. own: whether they are those of the network's own pass over
    the one image; if not, it is looked at whether rounding decides on the map. The result is on the
    output's device.
    """
    function = load(chosen.method)
    with torch.no_grad():
        given = given_of(chosen, output, gradient, axes)
        found = function(given)
    if own or not chosen.method.steep:
        return found
    return replace(found, doubtful=is_doubtful(function, given, found.map))


def given_of(chosen: Chosen, output: Tensor, gradient: Tensor | None, axes: Axes) -> MethodInput:
    """What a method is given of one output, as map_of takes it."""
    slope = channels_first(gradient, axes) if gradient is not None else None
    return MethodInput(channels_first(output, axes), slope, axes.layout, dict(chosen.options))


def channels_first(tensor: Tensor, axes: Axes) -> Tensor:
    """(C, h, w), a view where the dtype allows it; of a token sequence, only the grid's tokens."""
    single = tensor.detach()[0]
    # Before extra tokens are dropped: a sum over a differently strided tensor rounds differently.
    single = single if single.dtype == torch.float64 else single.float()
    if axes.layout is Layout.CHANNELS_FIRST:
        return single
    if axes.layout is Layout.TOKENS:
        single = single[axes.prefix :].reshape((*axes.grid, -1))
    return single.permute(2, 0, 1)


def map_one(
    done: ForwardPass,
    call: Call,
    target: Target,
    chosen: Chosen,
    axes: Axes,
    cancel: CancelToken | None = None,
    key: object | None = None,
) -> RawMap:
    """One map from a pass that kept the call's output, with a backward pass if one is needed.

    key: as in ForwardPass.gradient. Raises Cancelled.
    """
    if cancel is not None:
        cancel.raise_if_cancelled()
    started = time.perf_counter()
    needs_gradient, own = Need.GRADIENT in chosen.method.needs, done.is_own(call, key)
    gradient = done.gradient(call, target, cancel, key) if needs_gradient else None
    found = map_of(chosen, done.kept[call].tensor, gradient, axes, own=own)
    return raw_of(found, lambda: time.perf_counter() - started)


def map_weighted(output: Tensor, weights: Weights, chosen: Chosen, axes: Axes) -> RawMap:
    """The map of one output by channel weights that are known; output as map_of takes it."""
    started = time.perf_counter()
    eigen = bool(dict(chosen.options).get(EIGEN.name, False))
    with torch.no_grad():
        found = weighted(channels_first(output, axes), weights, eigen)
    return raw_of(found, lambda: time.perf_counter() - started)


def weigh_all(
    done: ForwardPass,
    call: Call,
    axes: Mapping[Call, Axes],
    target: Target,
    chosen: Chosen,
    cancel: CancelToken | None = None,
) -> tuple[Tensor | None, dict[Call, Weights]]:
    """The gradient at one call, and the channel weights of many, by one backward pass.

    chosen: of a method that has weights. Calls that the gradient does not reach are left out.
    Raises Cancelled.
    """
    weigh = load_weights(chosen.method)
    found: dict[Call, Weights] = {}
    own: Tensor | None = None

    def reduce(visited: Call, _output: Tensor, gradient: Tensor) -> None:
        nonlocal own
        if cancel is not None:
            cancel.raise_if_cancelled()
        place = axes[visited]
        found[visited] = weigh(channels_first(gradient, place), place.layout)
        if visited == call:
            own = gradient

    with torch.no_grad():
        done.visit_gradients(axes.keys(), target, reduce)
    return own, found


def map_several(
    done: ForwardPass,
    axes: Mapping[Call, Axes],
    target: Target,
    chosen: Chosen,
    cancel: CancelToken | None = None,
) -> dict[Call, RawMap]:
    """The maps of a few calls that the pass kept, with one backward pass if one is needed, which
    goes no further than the earliest of them. Raises Cancelled."""
    if cancel is not None:
        cancel.raise_if_cancelled()
    started = time.perf_counter()
    calls = tuple(axes)
    gradients: Sequence[Tensor | None] = [None] * len(calls)
    if Need.GRADIENT in chosen.method.needs:
        gradients = done.gradients_of(calls, target, cancel)
    found = [
        map_of(chosen, done.kept[call].tensor, gradient, axes[call], own=done.own)
        for call, gradient in zip(calls, gradients, strict=True)
    ]
    share = _shared(started, len(found))
    return {call: raw_of(one, share) for call, one in zip(calls, found, strict=True)}


def map_all(
    done: ForwardPass,
    axes: Mapping[Call, Axes],
    target: Target,
    chosen: Chosen,
    cancel: CancelToken | None = None,
    visited: Callable[[int], None] | None = None,
    remembered: tuple[Call, object] | None = None,
) -> dict[Call, RawMap]:
    """The maps of many calls from one pass that kept them, with at most one backward pass.

    Each gradient is reduced to its map as soon as it arrives, so that no more than one is held
    beside the graph. visited receives the number of maps so far. remembered: the call whose
    gradient the pass keeps, and the key for it. Calls that the gradient does not reach are left
    out. Raises Cancelled.
    """
    started = time.perf_counter()
    found: dict[Call, MethodMap] = {}

    def reduce(call: Call, output: Tensor, gradient: Tensor | None) -> None:
        if cancel is not None:
            cancel.raise_if_cancelled()
        found[call] = map_of(chosen, output, gradient, axes[call], own=done.own)
        if remembered is not None and gradient is not None and call == remembered[0]:
            done.remember(*remembered, gradient)
        if visited is not None:
            visited(len(found))

    if Need.GRADIENT in chosen.method.needs:
        done.visit_gradients(axes.keys(), target, reduce)
    else:
        for call in axes:
            reduce(call, done.kept[call].tensor, None)
    share = _shared(started, len(found))
    return {call: raw_of(one, share) for call, one in found.items()}


def map_batch(
    done: ForwardPass,
    call: Call,
    targets: Sequence[Target],
    chosen: Chosen,
    axes: Axes,
    cancel: CancelToken | None = None,
) -> list[RawMap]:
    """One map for each image of a batch, with one backward pass if one is needed.

    targets: one for each image. Raises Cancelled.
    """
    started = time.perf_counter()
    needs_gradient = Need.GRADIENT in chosen.method.needs
    gradients = done.gradients(call, targets, cancel) if needs_gradient else None
    outputs = done.kept[call].tensor.detach()
    found = [
        map_of(
            chosen,
            outputs[image : image + 1],
            gradients[image : image + 1] if gradients is not None else None,
            axes,
            own=done.own and len(targets) == 1,
        )
        for image in range(len(targets))
    ]
    share = _shared(started, len(found))
    return [raw_of(one, share) for one in found]


def _shared(started: float, count: int) -> Callable[[], float]:
    return lambda: (time.perf_counter() - started) / max(1, count)


def raw_of(found: MethodMap, seconds: Callable[[], float]) -> RawMap:
    """A method's map on the CPU; seconds is called last, since copying it waits for the device."""
    array: FloatMap = found.map.cpu().numpy()
    said = tuple(text for counted in found.counts if (text := counted.sentence()))
    words = (*found.said, *said)
    return RawMap(array, bool(found.anything), words, seconds(), found.sums, found.doubtful)
