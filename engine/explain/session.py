"""A session explains one image to one model: one forward pass, many explanations.

The first explanation runs the network once, with an autograd graph that starts at the requested
layer. Another class is a partial backward pass over that graph. A second layer runs the network
once more, with the graph from that layer on, and one backward pass brings the maps of all later
layers as well, so that a click on these computes nothing. An earlier one, or a sweep, runs it with
the graph from the input on; from then on any click is a partial backward pass, and after a sweep no
computation.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import MethodError
from engine.explain.answers.asking import Asking, first_pass
from engine.explain.answers.found import Found, explanation_of
from engine.explain.answers.known import KnownMaps
from engine.explain.answers.places import place_of
from engine.explain.answers.single import layer_map, whole_map
from engine.explain.answers.sweeping import left_out, sweep_maps
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap
from engine.images.preprocessing import prepare
from engine.inspection.layer_tree import parse_layer
from engine.methods.registry import (
    METHODS,
    Chosen,
    counted_shape,
    expected,
    refusal,
    requested,
)
from engine.model import Model
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.models import LayerNode, Prediction
from engine.targets.classes import find_class


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
        self._known = KnownMaps()

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
        self._known.clear()

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
        asking = self._asking(target)
        if not how.method.layered:
            if layer is not None:
                raise MethodError(f"{how.method.no_layer}; name none, or choose another method")
            raw = self._work.guarded(
                lambda: whole_map(self._work, self._known, asking, how, cancel, progress)
            )
            return self._explanation("", None, asking, how, raw)
        place = place_of(self.model, layer, how)
        raw = self._work.guarded(
            lambda: layer_map(self._work, self._known, asking, place, how, cancel, progress)
        )
        return self._explanation(place.name, place.call, asking, how, raw)

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
            parse_layer(name, self.model.facts, tuple(node.name for node in self.layers))
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
        asking = self._asking(target)
        self._work.guarded(
            lambda: sweep_maps(self._work, self._known, asking, how, cancel, progress)
        )
        maps = self._known.of(asking.target(), how)
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
                result[node.name] = self._explanation(node.name, call, asking, how, raw)
        for text in left_out(unfit, infinite):
            self._work.notify(text)
        return result

    def _method(self, slug: str, options: Mapping[str, object] | None) -> Chosen:
        """The requested method, or the model's own. Raises MethodError."""
        how = requested(self.model.method, slug, options)
        if self.model.no_hooks and not how.method.hookless:
            can = " or ".join(method.slug for method in METHODS if method.hookless)
            raise MethodError(f"{how.method.title}: {self.model.no_hooks}; choose {can}")
        return how

    def _asking(self, target: int | str | None) -> Asking:
        """What was asked. Raises TargetError."""
        index = None if target is None else find_class(target, self.model.classes)
        return Asking(self._work, index)

    def _explanation(
        self, name: str, call: Call | None, asking: Asking, how: Chosen, raw: RawMap
    ) -> Explanation:
        assert self._work.logits is not None
        predicted = self.model.predictions(self._work.logits, [asking.target()])[0]
        return explanation_of(
            self.model,
            self.image,
            self._prepared.region,
            Found(name, call, predicted, how, raw, self._work.logits),
            seconds=self._work.forward_seconds,
            notices=self.notices,
        )

    def _known_logits(self, cancel: CancelToken | None) -> NDArray[np.float64]:
        if self._work.logits is None:
            self._work.guarded(lambda: first_pass(self._work, cancel))
        assert self._work.logits is not None
        return self._work.logits
