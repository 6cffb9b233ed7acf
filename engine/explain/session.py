"""A session explains one image to one model: one forward pass, many explanations.

The first explanation runs the network once, with an autograd graph that starts at the requested
layer. Another class is a partial backward pass over that graph. A second layer runs the network
once more, with the graph from that layer on, and one backward pass brings what the maps of all
later layers are made of, so that a click on these takes no pass. An earlier one, or a sweep, runs
it with the graph from the input on; from then on any click is a partial backward pass, and after a
sweep no computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from engine.explain.answers.alike import find_alike
from engine.explain.answers.channels import channel_maps_of, channels_of
from engine.explain.answers.found import Found, NotFinite, Said, explanation_of, said_of
from engine.explain.answers.fused import fused
from engine.explain.answers.known import KnownMaps
from engine.explain.answers.requests import (
    Decided,
    asking_for,
    request_again,
    request_of,
    swept_method_of,
)
from engine.explain.answers.sharing import share_pass
from engine.explain.answers.single import found_maps
from engine.explain.answers.sweeping import left_out, maps_by_layer, sweep_maps
from engine.explain.answers.trials import Trials
from engine.explain.asking import Asking
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap
from engine.images.preprocessing import Prepared, prepare
from engine.inspection.facts import Inspection
from engine.inspection.layer_tree import parse_layer
from engine.methods.modifiers import fused_by, of_one_layer
from engine.methods.registry import Chosen
from engine.model import Model
from engine.passes.below.polling import polled_if_long
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.asked import CLASS, Question, Score
from engine.records.channels import ChannelMaps, Channels
from engine.records.explanations import JOINT, Comparison, Explanation, layers_in
from engine.records.images import LoadedImage
from engine.records.models import LayerNode, Prediction
from engine.records.options import DEFAULT_METHOD
from engine.targets.classes import find_class

_T = TypeVar("_T")


class Session:
    """Explains one model's decision on one image. Use it in a with statement, from one thread.

    budget: bytes that may be kept between calls; None means half of the free memory. exact: compute
    with the network's own modules alone; otherwise what lies before the explained layer may be
    computed in a faster form (engine/rewriting), which changes a map by less than 1e-4 of its peak.
    prepared: the image as the network gets it, if that is known.
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
        prepared: Prepared | None = None,
    ) -> None:
        self.model = model
        self.image = image
        self.exact = exact
        # An inference tensor, created in a caller's inference mode, cannot join a graph.
        with torch.inference_mode(False):
            self._prepared = prepared or prepare(image, model.preprocessing)
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
    def _named(self) -> tuple[Inspection, tuple[str, ...]]:
        return self.model.facts, tuple(node.name for node in self.layers)

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices for the user so far, such as a fallback to using less memory."""
        return tuple(self._work.notices)

    @property
    def held_bytes(self) -> int:
        """About how much memory is kept until close: the passes, and the image's pixels."""
        image = self.image
        depth = image.depth.values.nbytes if image.depth is not None else 0
        return self._work.held_bytes + 3 * image.width * image.height + depth

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
        layer: str | Sequence[str] | None = None,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> Explanation:
        """The map of one layer, of several as one, or of the input's pixels, for one class.

        layer: 'NAME' for the last call of that module, 'NAME#k' for its call k, 'last
            convolution' for the last one; None for the model's default layer, and for a method
            that has no layer. Several of them, or 'NAME + NAME', have their maps fused into one on
            the finest grid, each divided by its largest magnitude: by the option fuse their mean
            (the default), or the maximum or product of their positive parts. By most methods, that
            takes one forward and one backward pass.
        target: index or label; None for the class with the highest logit.
        method: a slug of engine.methods.registry; '' for the model's own setting, by default
            Grad-CAM. options: for that method; the others keep their defaults. With augment, the
            map is the mean of six, of copies of the image (test-time augmentation); with eigen,
            the first principal component of the weighted activations takes the place of their
            sum. The registry says which methods have these options, fuse among them.
        question: what to ask about the class in place of what speaks for it, and by which score;
            engine.targets.questions has them all. A question that follows from maps of classes
            that are known, by a method linear in the score, takes no pass.
        Returns an Explanation whose map is signed float32 (h, w) on the layer's own grid, or that
        of the network's input for a method of pixels, without a ReLU and without scaling; the
        registry has the formula and its source.

        Raises LayerError (unknown, not explainable, or a map that is not finite), MethodError
        (unknown method, unknown option, unsuitable network or layer, or a layer where the method
        has none), TargetError (a class or question that does not exist, or that the network, the
        method or the layer cannot answer), ModelError when the network itself fails, DeviceError
        when memory does not suffice even with the least kept, and Cancelled.
        """
        request = request_of(self._work, layer, target, method, options, question)
        how, places, asking = request.how, request.places, request.asking
        single = of_one_layer(how)
        maps = self._guarded(
            lambda: found_maps(
                self._work, self._known, asking, places or (None,), single, cancel, progress
            ),
            cancel,
        )
        said = self._said(asking, how)
        if not places:
            return self._explanation("", None, how, maps[0], said)
        if len(places) == 1:
            return self._explanation(places[0].name, places[0].call, how, maps[0], said)
        names = tuple(place.name for place in places)
        raw = fused(tuple(zip(names, maps, strict=True)), fused_by(how))
        return self._explanation(JOINT.join(names), None, how, raw, said, names)

    def decided(
        self,
        layer: str | Sequence[str] | None = None,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
    ) -> Decided:
        """What explain would map, without the map: it takes no more than one forward pass.

        Arguments and errors are those of explain.
        """
        request = request_of(self._work, layer, target, method, options, question)
        self._known_logits(cancel)
        names = tuple(place.name for place in request.places)
        asking = request.asking
        return Decided(request.how, asking.asked(), names, asking.prediction())

    def explain_alike(
        self,
        layer: str | Sequence[str] | None = None,
        target: int | str | None = None,
        *,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
    ) -> None:
        """Have the maps by every cheap method known, for a layer and question.

        Arguments as for explain, which then answers at once. Only what is kept of the passes that
        were made is used; without one of the layer it does nothing. For idle time: most maps take
        about a millisecond, one that compares classes a backward pass to the layer, and one that
        rounding decides on a pass of the network's own, if what is kept is of a faster form. Raises
        LayerError and TargetError as explain does, and Cancelled.
        """
        find_alike(self._work, self._known, layer, target, question, cancel)

    def has_gradient(self, explanation: Explanation) -> bool:
        """Whether another method that takes the same gradient would take no pass for the layer and
        question of an explanation of this session."""
        if not explanation.layer or explanation.fused:
            return False
        call = parse_layer(explanation.layer, *self._named)
        return self._work.remembers(self.model.facts.calls[call].source, explanation.asked)

    def ready(self, layers: Iterable[str | None], cancel: CancelToken | None = None) -> None:
        """Run the one forward pass that explanations of these layers share.

        For layers that are known beforehand, fused ones among them: explaining them then takes no
        further forward pass, by methods that take no passes of their own. Nothing is done where
        their graph does not fit the budget. Raises LayerError and the errors of explain.
        """
        known = set(self._named[1])
        names = (name for text in layers for name in layers_in(self.model.address(text), known))
        places = [parse_layer(self.model.address(name), *self._named) for name in names]
        self._guarded(lambda: share_pass(self._work, places, cancel), cancel)

    def channels(
        self,
        layer: str | None = None,
        target: int | str | None = None,
        *,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
    ) -> Channels:
        """What each channel of a layer has to do with the Grad-CAM map of it.

        Takes no pass where has_gradient says so. Arguments and errors are those of explain.
        """
        explanation = self.explain(
            layer, target, method=DEFAULT_METHOD, question=question, cancel=cancel
        )
        request = request_of(self._work, layer, target, DEFAULT_METHOD, None, question)
        return self._guarded(lambda: channels_of(self._work, request, explanation, cancel), cancel)

    def channel_maps(
        self,
        channels: Sequence[int],
        layer: str | None = None,
        target: int | str | None = None,
        *,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
    ) -> ChannelMaps:
        """The activation and the gradient of some of a layer's channels, cell by cell.

        Takes no pass where has_gradient says so. Raises LayerError for a channel that the layer
        lacks, and the errors of explain.
        """
        request = request_of(self._work, layer, target, DEFAULT_METHOD, None, question)
        return self._guarded(lambda: channel_maps_of(self._work, request, channels, cancel), cancel)

    def trials(self, explanation: Explanation, cancel: CancelToken | None = None) -> Trials:
        """Further passes about a map of this session, over changed copies of its image.

        The same layer, method and question, of the class that was explained, whatever the network
        answers for a copy. Raises the errors of explain.
        """
        request = request_again(self._work, explanation)
        self._known_logits(cancel)
        asked = explanation.asked
        return Trials(self._work, request, asked, lambda work: self._guarded(work, cancel), cancel)

    def compare(
        self,
        expected: int | str,
        layer: str | Sequence[str] | None = None,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        score: Score | None = None,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> Comparison:
        """The maps of the predicted class and of the expected one, and what tells them apart.

        expected: index or label. target: in place of the predicted class. The contrast of a method
        linear in the score follows from the two maps. Arguments and errors are those of explain.
        """
        wanted = find_class(expected, self.model.classes)
        if target is None:
            predicted = int(np.argmax(self._known_logits(cancel)))
        else:
            predicted = find_class(target, self.model.classes)

        def ask(index: int, question: Question) -> Explanation:
            return self.explain(
                layer,
                index,
                method=method,
                options=options,
                question=question,
                cancel=cancel,
                progress=progress,
            )

        alone = Question(score=score)
        one = ask(predicted, alone)
        if predicted == wanted:
            return Comparison(one, one, None)
        other = ask(wanted, alone)
        contrast = Question("contrast", against=wanted, score=score)
        return Comparison(one, other, ask(predicted, contrast))

    def expected(
        self,
        layer: str | Sequence[str] | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
    ) -> tuple[int, int]:
        """The forward and backward passes that explain will take at most; nothing is run.

        Passes of Ablation-CAM start at the layer. The seconds of one forward pass are in every
        explanation. Raises LayerError, MethodError and TargetError as explain does.
        """
        request = request_of(self._work, layer, None, method, options, question)
        return request.passes

    def expected_words(
        self,
        layer: str | Sequence[str] | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
    ) -> str:
        """'225 forward passes, about 6 s' for a map that takes more than a few passes, else ''.

        The time is that of forward passes which are made for it. Raises the errors of explain.
        """
        request = request_of(self._work, layer, None, method, options, question)
        if not request.words(0.0):
            return ""
        self._known_logits(cancel)
        return request.words(self._guarded(lambda: self._work.steady(cancel), cancel))

    def sweep(
        self,
        target: int | str | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> dict[str, Explanation]:
        """The maps of every explainable layer for one class, in tree order, keyed by layer name.

        One backward pass yields them all, or none if the method needs no gradient, or if they
        follow from known maps; each equals the result of explain. With the option augment, there is
        one for each copy of the image. Layers unsuitable for the method, and for a question about a
        layer's output those after it, are left out. If the graph from the input on does not fit the
        budget, it starts at the earliest layer from which it does; layers before that one are left
        out and counted in `notices`, and explain still works for each of them. Layers whose map is
        not finite are left out and counted as well. Raises the same errors as explain.
        """
        how = swept_method_of(self.model, method, options)
        asking = asking_for(self._work, target, question, how)
        single = of_one_layer(how)
        self._guarded(
            lambda: sweep_maps(self._work, self._known, asking, single, cancel, progress), cancel
        )
        said = self._said(asking, how)
        maps = self._known.of(said.asked, single)
        swept = maps_by_layer(self.model, how, asking, maps)
        result: dict[str, Explanation] = {}
        infinite = 0
        for name, (call, raw) in swept.found.items():
            try:
                result[name] = self._explanation(name, call, how, raw, said)
            except NotFinite:
                infinite += 1
        for text in left_out(swept.lacking, infinite):
            self._work.notify(text)
        return result

    def _said(self, asking: Asking, how: Chosen) -> Said:
        """What holds for every map of a question; there must have been a pass."""
        value = self._work.guarded(asking.value)
        logits = self._work.logits
        assert logits is not None
        return said_of(self.model, how, logits, asking.asked(), asking.prediction(), value)

    def _explanation(
        self,
        name: str,
        call: Call | None,
        how: Chosen,
        raw: RawMap,
        said: Said,
        fused_layers: tuple[str, ...] = (),
    ) -> Explanation:
        return explanation_of(
            self.model,
            self.image,
            self._prepared.region,
            Found(name, call, how, raw, said, fused_layers),
            seconds=self._work.forward_seconds,
            notices=self.notices,
        )

    def _guarded(self, work: Callable[[], _T], cancel: CancelToken | None) -> _T:
        with polled_if_long(cancel, self.model.pass_seconds):
            return self._work.guarded(work)

    def _known_logits(self, cancel: CancelToken | None) -> NDArray[np.float64]:
        if self._work.logits is None:
            self._guarded(lambda: self._work.first_pass(cancel), cancel)
        assert self._work.logits is not None
        return self._work.logits
