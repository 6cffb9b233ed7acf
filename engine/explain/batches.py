"""Explains many images to one model, several in one pass.

Each image of a batch gets the map of the same layer, for the same question about a class of its
own. In inference no image influences another, so that one backward pass from the sum of all scores
has the gradients of all. Whether that is so, and whether the network takes more than one image, is
tried on the first batch; a network for which it is not so gets one image at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import ImageError, LayerError, MethodError, TargetError
from engine.explain.answers.found import Found, explanation_of, said_of
from engine.explain.answers.requests import request_of
from engine.explain.asking import Asking, asking_of
from engine.explain.batching import Batching, most_in_pass, plain_bytes
from engine.explain.kept_passes import Computation
from engine.explain.maps import map_batch
from engine.explain.session import Session
from engine.images.preprocessing import Prepared, prepare
from engine.inspection import memory
from engine.methods.modifiers import is_augmented
from engine.methods.registry import requested
from engine.model import Model
from engine.passes.backward import ForwardPass
from engine.progress import CancelToken
from engine.records.asked import CLASS, Question
from engine.records.explanations import JOINT, Explanation
from engine.records.images import LoadedImage
from engine.rewriting.faster import is_often
from engine.targets.classes import find_class

_CLOSE = 5e-5
"""Half of what is promised, since a session's own map may be off by as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is known about one image: its map and its logits, float64 (classes,), or why there is
    none: it cannot be prepared for the network, its map is not finite, or its class is the one that
    it is to be contrasted with."""

    explanation: Explanation | None
    logits: NDArray[np.float64] | None
    error: ImageError | LayerError | TargetError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One image of a batch, as the network gets it. target: None for its highest logit."""

    image: LoadedImage
    target: int | None
    prepared: Prepared


class Batches:
    """Explains images with one layer, method and question. Not thread-safe.

    layer, method, options, question: as in Session.explain, of the model's default if not given.
    size: images in one pass, at most; None for as many as pay (batching.most_in_pass) and fit into
    half of the free memory. exact: as in Session.
    Raises LayerError, MethodError and TargetError as Session.explain does.
    """

    def __init__(
        self,
        model: Model,
        layer: str | Sequence[str] | None = None,
        *,
        method: str = "",
        options: Mapping[str, object] | None = None,
        question: Question = CLASS,
        size: int | None = None,
        exact: bool = False,
    ) -> None:
        self.model = model
        self.exact = exact
        self._how = requested(model.method, method, options)
        how = self._how.method
        if not how.layered or model.no_hooks:
            raise MethodError(f"{how.title} is computed for one image at a time; open a session")
        self._question = question
        known = Computation(model, torch.empty(0), None)
        asked = request_of(known, layer, None, how.slug, dict(self._how.options), question)
        places = asked.places
        first = places[0]
        self._layer = JOINT.join(place.name for place in places)
        self._call, self._axes, self._source = first.call, first.axes, first.source
        self._asked_call = asked.asking.call
        self._batching = Batching(known, most_in_pass(model.device) if size is None else size)
        if size is None:
            each = memory.estimate(model.facts, self._source) + plain_bytes(model.facts.largest)
            self._batching.most = self._batching.fitting(each)
        if not how.swept or how.compared or len(places) > 1 or is_augmented(self._how):
            # It takes passes of its own, several classes, layers or copies.
            self._batching.most = 1
        self._doubtful, self._seen = 0, 0

    @property
    def size(self) -> int:
        """Images in one pass; 1 if the network takes no more."""
        return self._batching.most

    def explain(
        self,
        images: Sequence[LoadedImage],
        targets: Sequence[int | str | None] | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[Answer]:
        """An answer for each image, in their order, as soon as its batch is computed.

        targets: one for each image, as in Session.explain; None for the class with the highest
        logit of each. Maps equal those of a session to 1e-4 of their peak. Raises TargetError,
        ModelError when the network itself fails, DeviceError, Cancelled.
        """
        yield from self._each([(image, None) for image in images], targets, cancel)

    def explain_prepared(
        self,
        items: Sequence[tuple[LoadedImage, Prepared]],
        targets: Sequence[int | str | None] | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[Answer]:
        """The same of images that are prepared already. Of the images, name and size are used."""
        yield from self._each(items, targets, cancel)

    def _each(
        self,
        images: Sequence[tuple[LoadedImage, Prepared | None]],
        targets: Sequence[int | str | None] | None,
        cancel: CancelToken | None,
    ) -> Iterator[Answer]:
        wanted = list(targets) if targets is not None else [None] * len(images)
        if len(wanted) != len(images):
            raise ValueError(f"{len(wanted)} targets for {len(images)} images")
        classes = self.model.classes
        indices = [None if each is None else find_class(each, classes) for each in wanted]
        first = 0
        while first < len(images):
            group = slice(first, first + self.size)
            for answer in self._group(images[group], indices[group], cancel):
                yield answer
                first += 1

    def _group(
        self,
        images: Sequence[tuple[LoadedImage, Prepared | None]],
        targets: Sequence[int | None],
        cancel: CancelToken | None,
    ) -> list[Answer]:
        """The answers for one batch."""
        items: list[_Item] = []
        failed: dict[int, Answer] = {}
        for number, ((image, known), target) in enumerate(zip(images, targets, strict=True)):
            if cancel is not None:
                cancel.raise_if_cancelled()
            try:
                prepared = known or prepare(image, self.model.preprocessing)
                items.append(_Item(image, target, prepared))
            except ImageError as error:
                failed[number] = Answer(None, None, error)
        answers = iter(self._answers(items, cancel))
        return [failed.get(number) or next(answers) for number in range(len(images))]

    def _answers(self, items: Sequence[_Item], cancel: CancelToken | None) -> list[Answer]:
        answers = self._batching.halved(
            items,
            lambda few: self._together(few, cancel),
            lambda item: self._alone(item, cancel),
        )
        together = len(items) > 1 and self._batching.most > 1
        return self._settled(items, answers, cancel) if together else _known(answers)

    def _settled(
        self,
        items: Sequence[_Item],
        answers: Sequence[Answer | None],
        cancel: CancelToken | None,
    ) -> list[Answer]:
        """The answers of a batch; those of images alone where they have to be."""
        alone: list[Answer | None] = [None] * len(items)
        if not self._batching.tried:
            self._batching.tried = True
            # Of all images, since in some networks it takes a certain one to amplify rounding.
            alone = [self._alone(item, cancel) for item in items]
            if not all(map(_close, answers, alone)):
                self._batching.one_by_one("an image's map depends on the others of its batch")
                return _known(alone)
        self._count(answers)
        return [
            together or known or self._alone(item, cancel, exact=True)
            for item, together, known in zip(items, answers, alone, strict=True)
        ]

    def _count(self, answers: Sequence[Answer | None]) -> None:
        """Give up where rounding decides on many of the maps; each is then made anew, alone."""
        self._seen += len(answers)
        self._doubtful += answers.count(None)
        if is_often(self._doubtful, self._seen):
            self._batching.one_by_one("rounding decides on many maps")

    def _alone(self, item: _Item, cancel: CancelToken | None, *, exact: bool = False) -> Answer:
        prepared, exact = item.prepared, exact or self.exact
        with Session(self.model, item.image, exact=exact, prepared=prepared) as session:
            how = self._how
            try:
                explanation = session.explain(
                    self._layer,
                    item.target,
                    method=how.method.slug,
                    options=dict(how.options),
                    question=self._question,
                    cancel=cancel,
                )
            except (LayerError, TargetError) as error:
                return Answer(None, session.logits, error)
            return Answer(explanation, session.logits)

    def _together(self, items: Sequence[_Item], cancel: CancelToken | None) -> list[Answer | None]:
        """The answers from one pass; None for an image on whose map rounding decides."""
        with torch.inference_mode(False):
            batch = torch.cat([item.prepared.tensor for item in items])
        work = Computation(self.model, batch, None, exact=self.exact)
        try:
            asked = self._asked_call
            if asked is None:
                done = work.pass_with(self._source, cancel)
            else:
                done = work.pass_over(self._source, (asked,), cancel)
            for call in (self._source, asked or self._source):
                if done.kept[call].tensor.shape[0] != len(items):
                    raise ValueError("the layer's output has no axis for the images")
            return self._explained(done, items, cancel)
        finally:
            work.close()

    def _explained(
        self, done: ForwardPass, items: Sequence[_Item], cancel: CancelToken | None
    ) -> list[Answer | None]:
        logits = done.logits.detach().cpu().double().numpy()
        asked = [self._asking(item, row) for item, row in zip(items, logits, strict=True)]
        # One that cannot be asked has a map, too, which is not looked at.
        targets = [0 if isinstance(one, TargetError) else one.target(self._how) for one in asked]
        maps = map_batch(done, self._source, targets, self._how, self._axes, cancel)
        seconds = done.seconds / len(items)
        answers: list[Answer | None] = []
        for number, (item, row, one) in enumerate(zip(items, logits, asked, strict=True)):
            if isinstance(one, TargetError):
                answers.append(Answer(None, row, one))
                continue
            if maps[number].doubtful:
                answers.append(None)
                continue
            value = one.value_of(done, number)
            said = said_of(self.model, self._how, row, one.asked(), one.prediction(), value)
            found = Found(self._layer, self._call, self._how, maps[number], said)
            region = item.prepared.region
            try:
                told = explanation_of(self.model, item.image, region, found, seconds=seconds)
            except LayerError as error:
                answers.append(Answer(None, row, error))
            else:
                answers.append(Answer(told, row))
        return answers

    def _asking(self, item: _Item, logits: NDArray[np.float64]) -> Asking | TargetError:
        """What is asked of one image of a batch; an error if that cannot be asked of it."""
        alone = Computation(self.model, item.prepared.tensor, None, exact=self.exact)
        alone.logits = logits
        asking = asking_of(alone, self._question, item.target, self._how)
        try:
            asking.asked()
        except TargetError as error:
            return error
        return asking


def _known(answers: Sequence[Answer | None]) -> list[Answer]:
    return [answer for answer in answers if answer is not None]


def _close(one: Answer | None, other: Answer | None) -> bool:
    """Whether two answers for the same image agree, but for rounding; one that is missing does."""
    if one is None or other is None:
        return True
    if one.explanation is None or other.explanation is None:
        return (one.explanation is None) is (other.explanation is None)
    pairs = ((one.explanation.map, other.explanation.map), (one.logits, other.logits))
    return all(
        bool(np.abs(a - b).max() <= _CLOSE * np.abs(b).max())
        for a, b in pairs
        if a is not None and b is not None
    )
