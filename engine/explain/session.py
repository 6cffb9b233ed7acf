"""A session explains one image to one model: one forward pass, many explanations.

The first explanation runs the network once, with an autograd graph that starts at the requested
layer. Another class is a partial backward pass over that graph. A second layer runs the network
once more, with the graph from that layer on, and one backward pass brings the maps of all later
layers as well, so that a click on these computes nothing. An earlier one, or a sweep, runs it with
the graph from the input on; from then on any click is a partial backward pass, and after a sweep no
computation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import LayerError, MethodError
from engine.explain.attention_maps import map_attention
from engine.explain.compared import target_of, words_of
from engine.explain.input_maps import map_input
from engine.explain.kept_passes import Computation
from engine.explain.layer_maps import deeper_layers, map_layer
from engine.explain.maps import RawMap, map_all, map_one
from engine.images.preprocessing import prepare
from engine.inspection import memory
from engine.inspection.layer_tree import parse_layer
from engine.inspection.reasons import reason_against
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import (
    METHODS,
    Chosen,
    Family,
    Need,
    counted_shape,
    expected,
    is_cheap,
    refusal,
    requested,
)
from engine.model import Model
from engine.passes.forward import ForwardPass
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.explanations import Explanation, Seconds
from engine.records.images import LoadedImage, Region
from engine.records.models import LayerNode, Prediction
from engine.targets.classes import find_class

# Sets of maps (one per class and method) that are cached; the least recently used are recomputed.
_SETS_KEPT = 32

# The class under which maps of class-independent methods are cached.
_ANY_CLASS = -1

# The call under which the maps of methods without a layer are cached.
_WHOLE: Call = ("", -1)


class Session:
    """Explains one model's decision on one image. Use it in a with statement, from one thread.

    budget: bytes that may be kept between calls; None means half of the free memory. exact: compute
    with the network's own modules alone; otherwise what lies before the explained layer may be
    computed in a faster form (engine/rewriting), which changes a map by less than 1e-4 of its peak.
    The model is left unchanged, and no hook outlives a call. Leaving the with block frees the
    graph; the session cannot be used afterwards.
    """

    def __init__(
        self,
        model: Model,
        image: LoadedImage,
        *,
        budget: int | None = None,
        exact: bool = False,
    ) -> None:
        self.model = model
        self.image = image
        self.exact = exact
        # An inference tensor, created in a caller's inference mode, cannot join a graph.
        with torch.inference_mode(False):
            self._prepared = prepare(image, model.preprocessing)
        self._work = Computation(model, self._prepared.tensor, budget, exact=exact)
        self._names = tuple(node.name for node in model.layers)
        self._maps: dict[tuple[int, Chosen], dict[Call, RawMap]] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the graph and everything kept; safe to call twice."""
        self._work.close()
        self._maps.clear()

    @property
    def layers(self) -> tuple[LayerNode, ...]:
        """The named modules of the network in tree order."""
        return self.model.layers

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices for the user so far, such as a fallback to using less memory."""
        return tuple(self._work.notices)

    @property
    def logits(self) -> NDArray[np.float64]:
        """float64 (classes,): the scores that are explained, in the order of the classes."""
        return self._known_logits(None).copy()

    def predictions(self, k: int = 5, cancel: CancelToken | None = None) -> tuple[Prediction, ...]:
        """The k classes with the highest logits, highest first; all classes if there are fewer.

        Logits are the scores that are explained: the network's output for this image, or the input
        of its final softmax or sigmoid. Probabilities are their softmax, or their sigmoids where
        the classes are independent.
        Raises ValueError when k is below 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        logits = self._known_logits(cancel)
        order = np.argsort(-logits, kind="stable")[:k]
        return self.model.predictions(logits, [int(i) for i in order])

    def explain(
        self,
        layer: str | None = None,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> Explanation:
        """The map of one layer, or of the input's pixels, for one class.

        layer: 'NAME' for the last call of that module, 'NAME#k' for its call k, 'last
            convolution' for the last one; None for the model's default layer, and for a method
            that has no layer.
        target: index or label; None for the class with the highest logit.
        method: a slug of engine.methods.registry; '' for the model's own setting, by default
            Grad-CAM. options: for that method; the others keep their defaults.
        Returns an Explanation whose map is signed float32 (h, w) on the layer's own grid, or that
        of the network's input for a method of pixels, without a ReLU and without scaling; the
        registry has the formula and its source.

        Raises LayerError (unknown, not explainable, or a map that is not finite), MethodError
        (unknown method, unknown option, unsuitable network or layer, or a layer where the method
        has none), TargetError, ModelError when the
        network itself fails, DeviceError when memory does not suffice even with the least kept,
        and Cancelled.
        """
        how = self._method(method, options)
        index = None if target is None else find_class(target, self.model.classes)
        if not how.method.layered:
            if layer is not None:
                raise MethodError(f"{how.method.no_layer}; name none, or choose another method")
            return self._unlayered(how, index, cancel, progress)
        name = self.model.address(layer)
        call = parse_layer(name, self.model.facts, self._names)
        facts = self.model.facts.calls[call]
        assert facts.axes is not None  # parse_layer lets only spatial outputs through
        axes = facts.axes
        reason = refusal(how.method, axes.channels(facts.shape), axes.grid, facts.pooled)
        if reason:
            raise MethodError(f"layer '{name}': {reason}")

        def work() -> tuple[RawMap, int]:
            known = self._work.logits is not None or index is not None
            chosen = self._chosen(index) if known else None
            if chosen is not None and facts.source in self._maps_of(chosen, how):
                return self._maps_of(chosen, how)[facts.source], chosen
            if how.method.family is Family.PIXEL:
                source = facts.source, axes
                raw = map_input(
                    self._work, how, lambda: self._chosen(index), source, cancel, progress
                )
            else:
                raw = self._layer_map(facts.source, axes, index, how, cancel, progress)
            chosen = self._chosen(index)
            self._maps_of(chosen, how)[facts.source] = raw
            return raw, chosen

        raw, chosen = self._work.guarded(work)
        return self._explanation(name, call, self._prediction(chosen), how, raw)

    def _layer_map(
        self,
        source: Call,
        axes: Axes,
        index: int | None,
        how: Chosen,
        cancel: CancelToken | None,
        progress: Report,
    ) -> RawMap:
        """The map of one output, by a method of layers."""
        if Need.DEEPER in how.method.needs:
            done = self._work.pass_over(source, deeper_layers(self.model.facts, source), cancel)
        else:
            done = self._work.pass_with(source, cancel)
        chosen = self._chosen(index)
        assert self._work.logits is not None
        target = target_of(how, self._work.logits, chosen)
        if how.method.swept:
            starts = done.leaf is done.kept[source].tensor
            if starts and len(done.kept) > 1 and is_cheap(how.method):
                # The backward pass to where the graph starts passes all layers that it has.
                maps = map_all(done, self._axes_among(done, how), target, how, cancel)
                self._maps_of(chosen, how).update(maps)
                if source in maps:
                    return maps[source]
            return map_one(done, source, target, how, axes, cancel)
        return map_layer(self._work, done, how, chosen, target, source, axes, cancel, progress)

    def _unlayered(
        self, how: Chosen, index: int | None, cancel: CancelToken | None, progress: Report
    ) -> Explanation:
        """The map by a method that has no layer."""

        def target() -> int:
            if self._work.logits is None:
                self._first_pass(cancel)
            return self._chosen(index)

        def work() -> RawMap:
            if self._work.logits is not None:
                known = self._maps_of(self._chosen(index), how)
                if _WHOLE in known:
                    return known[_WHOLE]
            if how.method.family is Family.ATTENTION:
                raw = map_attention(self._work, how, target, cancel, progress)
            else:
                raw = map_input(self._work, how, target, None, cancel, progress)
            self._maps_of(self._chosen(index), how)[_WHOLE] = raw
            return raw

        raw = self._work.guarded(work)
        return self._explanation("", None, self._prediction(self._chosen(index)), how, raw)

    def expected(
        self,
        layer: str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
    ) -> tuple[int, int]:
        """The forward and backward passes that explain will take at most; nothing is run.

        Passes of Ablation-CAM start at the layer. The seconds of one forward pass are in every
        explanation. Raises LayerError and MethodError as explain does.
        """
        how = self._method(method, options)
        node = None
        if how.method.layered:
            name = self.model.address(layer).partition("#")[0]
            parse_layer(name, self.model.facts, self._names)
            node = next(node for node in self.layers if node.name == name)
        shape = counted_shape(how.method, self.model.facts.input_shape[1:], node)
        return expected(how, shape)

    def sweep(
        self,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> dict[str, Explanation]:
        """The maps of every explainable layer for one class, in tree order, keyed by layer name.

        One backward pass yields them all, or none if the method needs no gradient; each map equals
        the result of explain. Layers unsuitable for the method are left out. If the graph from the
        input on does not fit the budget, it starts at the earliest layer from which it does; layers
        before that one are left out and counted in `notices`, and explain still works for each of
        them. Layers whose map is not finite are left out and counted as well. Raises the same
        errors as explain.
        """
        how = self._method(method, options)
        if not how.method.swept:
            why = how.method.no_layer or f"{how.method.title} is computed for one layer at a time"
            raise MethodError(f"{why}; a sweep of all layers needs another method")
        index = None if target is None else find_class(target, self.model.classes)
        chosen = self._work.guarded(lambda: self._sweep_maps(index, how, cancel, progress))
        maps = self._maps_of(chosen, how)
        target_class = self._prediction(chosen)
        result: dict[str, Explanation] = {}
        unfit, infinite = 0, 0
        for node in self.layers:
            if not node.explainable:
                continue
            call = (node.name, node.calls - 1)
            facts = self.model.facts.calls[call]
            assert facts.axes is not None
            raw = maps.get(facts.source)
            if refusal(how.method, facts.axes.channels(facts.shape), facts.axes.grid, facts.pooled):
                continue
            if raw is None:
                unfit += 1
            elif not np.isfinite(raw.map).all():
                infinite += 1
            else:
                result[node.name] = self._explanation(node.name, call, target_class, how, raw)
        if unfit:
            which = "1 layer" if unfit == 1 else f"{unfit} layers"
            self._work.notify(
                f"{which} did not fit into memory with the others; click one to explain it "
                "separately"
            )
        if infinite:
            which = (
                "1 layer has a map that is"
                if infinite == 1
                else f"{infinite} layers have maps that are"
            )
            self._work.notify(f"{which} not finite; check the weights and the preprocessing")
        return result

    def _sweep_maps(
        self, index: int | None, how: Chosen, cancel: CancelToken | None, progress: Report
    ) -> int:
        """Fill the maps of every explainable call for one class; returns the class."""
        facts, work = self.model.facts, self._work
        axes = self._suitable(how)
        remaining = set(axes)
        total = max(1, len(remaining))
        if index is not None or work.logits is not None:
            remaining -= self._maps_of(self._chosen(index), how).keys()
        whole = work.whole_fits
        if work.logits is None and not (whole and remaining):
            # The class must be known even if no layer's graph fits, or no layer suits the method.
            self._first_pass(cancel)
        while remaining:
            if whole:
                done = work.full_pass(cancel)
            else:
                first = memory.first_that_fits(facts, remaining, work.allowed)
                if first is None:
                    break
                done = work.lone_pass(first.call, remaining, cancel)
                remaining.discard(first.call)
            chosen = self._chosen(index)
            report = _reporter(progress, total - len(remaining), total)
            todo = {call: axes[call] for call in done.kept if call in axes}
            assert work.logits is not None
            target = target_of(how, work.logits, chosen)
            maps = map_all(done, todo, target, how, cancel, report)
            # Freed before the next pass: two graphs at once would not fit.
            del done
            self._maps_of(chosen, how).update(maps)
            remaining -= maps.keys()
            if whole:
                break
        return self._chosen(index)

    def _method(self, slug: str, options: Mapping[str, object] | None) -> Chosen:
        """The requested method, or the model's own. Raises MethodError."""
        how = requested(self.model.method, slug, options)
        if self.model.no_hooks and not how.method.hookless:
            can = " or ".join(method.slug for method in METHODS if method.hookless)
            raise MethodError(f"{how.method.title}: {self.model.no_hooks}; choose {can}")
        return how

    def _suitable(self, how: Chosen) -> dict[Call, Axes]:
        """The spatial axes of every explainable output that the method can be had for."""
        return {
            call: output.axes
            for call, output in self.model.facts.calls.items()
            if output.source == call and output.axes is not None and not reason_against(output)
            if not refusal(
                how.method, output.axes.channels(output.shape), output.axes.grid, output.pooled
            )
        }

    def _axes_among(self, done: ForwardPass, how: Chosen) -> dict[Call, Axes]:
        return {call: axes for call, axes in self._suitable(how).items() if call in done.kept}

    def _maps_of(self, target: int, how: Chosen) -> dict[Call, RawMap]:
        """The cached maps for a class and method; access marks them as most recently used."""
        key = (target if how.method.class_dependent else _ANY_CLASS, how)
        maps = self._maps.pop(key, {})
        self._maps[key] = maps
        while len(self._maps) > _SETS_KEPT:
            del self._maps[next(iter(self._maps))]
        return maps

    def _explanation(
        self, name: str, call: Call | None, target: Prediction, how: Chosen, raw: RawMap
    ) -> Explanation:
        assert self._work.logits is not None
        return explanation_of(
            self.model,
            self.image,
            self._prepared.region,
            Found(name, call, target, how, raw, self._work.logits),
            seconds=self._work.forward_seconds,
            notices=self.notices,
        )

    def _prediction(self, index: int) -> Prediction:
        assert self._work.logits is not None
        return self.model.predictions(self._work.logits, [index])[0]

    def _chosen(self, index: int | None) -> int:
        """The given class, or the one with the highest logit; the logits must be known."""
        if index is not None:
            return index
        assert self._work.logits is not None
        return int(np.argmax(self._work.logits))

    def _known_logits(self, cancel: CancelToken | None) -> NDArray[np.float64]:
        if self._work.logits is None:
            self._work.guarded(lambda: self._first_pass(cancel))
        assert self._work.logits is not None
        return self._work.logits

    def _first_pass(self, cancel: CancelToken | None) -> None:
        """Run the network, ready to explain the default layer."""
        default = next((node.name for node in self.layers if node.default), None)
        call = parse_layer(default, self.model.facts, self._names) if default else None
        self._work.pass_with(self.model.facts.calls[call].source if call else ("", -1), cancel)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One map, and what it is of: the layer as addressed and its call (None for a method without
    layers), the class, the method, and the image's logits, float64 (classes,)."""

    layer: str
    call: Call | None
    target: Prediction
    how: Chosen
    raw: RawMap
    logits: NDArray[np.float64]


def explanation_of(
    model: Model,
    image: LoadedImage,
    region: Region,
    found: Found,
    *,
    seconds: float,
    notices: tuple[str, ...] = (),
) -> Explanation:
    """The map with all that is to be said about it.

    region: what the network saw of the image. seconds: of the forward pass. notices: so far.
    Raises LayerError for a map that is not finite.
    """
    raw, how, call = found.raw, found.how, found.call
    if not np.isfinite(raw.map).all():
        whose = f"of layer '{found.layer}'" if call is not None else f"by {how.method.title}"
        raise LayerError(
            f"the map {whose} is not finite (NaN or infinity); "
            "check the weights and the preprocessing, or choose another "
            f"{'layer' if call is not None else 'method'}"
        )
    facts = model.facts.calls[call] if call is not None else None
    axes = facts.axes if facts is not None else None
    verdict, notice = raw.judged(how.method)
    comparison = words_of(how, found.logits, found.target.index, model.classes)
    raw.map.flags.writeable = False
    return Explanation(
        layer=found.layer,
        target=found.target,
        map=raw.map,
        shape=(facts.shape if facts is not None else model.facts.input_shape)[1:],
        layout=axes.layout if axes is not None else None,
        region=region,
        image=image.name,
        image_size=(image.width, image.height),
        model=model.source,
        device=str(model.device),
        seconds=Seconds(seconds, raw.seconds),
        method=how.method.slug,
        options=how.options,
        verdict=verdict,
        notices=(*notices, *raw.said, *(notice or comparison)),
        arithmetic=model.arithmetic,
    )


def _reporter(progress: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda count: progress(min(1.0, (before + count) / total), "explaining every layer")
