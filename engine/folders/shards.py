"""A shard: images that were read become rows. The same images give the same rows, wherever and
however often they are computed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError, LayerError, MethodError, TargetError
from engine.explain.batches import Answer, Batches
from engine.explain.batching import MOST, most_in_pass
from engine.explain.session import Session
from engine.folders.figures import figures_of, stored
from engine.folders.inputs.pictures import Ready
from engine.folders.job import LABEL, TOP, How, policy_of
from engine.folders.records import Pending, Picture, Row
from engine.images.preprocessing import Prepared, prepare, prepare_crop
from engine.methods.registry import requested
from engine.model import Model
from engine.progress import CancelToken
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.models import Scores
from engine.targets.classes import sigmoid, softmax

Shard = list[tuple[int, Picture, Row | None]]
"""For each input its number, what reading told, and its row unless the file cannot be read."""

POSITIVE = 0.5
"""Probability from which on an independent label is given."""


class Explainer:
    """Makes rows by one model, layer and method. Not thread-safe.

    size: images that are taken together at most, None for as many as pay. Raises LayerError,
    MethodError, TargetError.
    """

    def __init__(self, model: Model, how: How, size: int | None = None) -> None:
        self.model = model
        self._how = how
        self._policy = policy_of(how.policy, model)
        chosen = requested(model.method, how.method, dict(how.options))
        self._together = MOST if size is None else size
        self._batches: Batches | None = None
        if chosen.method.layered and not model.no_hooks:
            self._batches = Batches(
                model,
                how.layers,
                method=how.method,
                options=dict(how.options),
                size=None if size is None else most_in_pass(model.device, size),
                exact=how.exact,
            )

    @property
    def size(self) -> int:
        """Images that are taken together, in one pass or a few; 1 where passes take one each."""
        if self._batches is None or self._batches.size == 1:
            return 1
        return max(self._together, self._batches.size)

    @property
    def depends_on_label(self) -> bool:
        return self._policy == LABEL

    def shard(
        self, items: Sequence[tuple[Pending, Ready]], cancel: CancelToken | None = None
    ) -> Shard:
        """The rows of images that were read; equal files are computed once.

        Raises ModelError when the network itself fails, DeviceError, Cancelled.
        """
        first: dict[tuple[str, object], int] = {}
        alone: list[int] = []
        prepared: list[tuple[LoadedImage, Prepared]] = []
        failed: dict[int, str] = {}
        for number, (pending, ready) in enumerate(items):
            key = (ready.picture.content, self._key(pending))
            if ready.picture.error or key in first:
                continue
            first[key] = number
            try:
                prepared.append(self._prepared(pending, ready))
                alone.append(number)
            except ImageError as error:
                failed[number] = str(error).partition(": ")[2] or str(error)
        targets = [self._target(items[number][0]) for number in alone]
        answers = dict(zip(alone, self._answers(prepared, targets, cancel), strict=True))
        shard: Shard = []
        for pending, ready in items:
            row = None
            if not ready.picture.error:
                number = first[ready.picture.content, self._key(pending)]
                found: Answer | str = failed.get(number) or answers[number]
                row = self._row(pending, ready, found)
            shard.append((pending.number, ready.picture, row))
        return shard

    def _key(self, pending: Pending) -> object:
        return pending.label if self.depends_on_label else None

    def _target(self, pending: Pending) -> int | None:
        if self._policy == TOP:
            return None
        if self._policy == LABEL:
            return pending.label if not pending.labels else pending.labels[0]
        return int(self._policy)

    def _prepared(self, pending: Pending, ready: Ready) -> tuple[LoadedImage, Prepared]:
        """Raises ImageError for an image that the network cannot be given."""
        how = self.model.preprocessing
        if ready.image is not None:
            return ready.image, prepare(ready.image, how)
        assert ready.crop is not None
        width, height = ready.size
        # One byte that is repeated: only the size of the original is needed.
        pixels = np.broadcast_to(np.zeros((), np.uint8), (height, width, 3))
        return LoadedImage(pending.path, pixels), prepare_crop(ready.crop, ready.size, how)

    def _answers(
        self,
        items: Sequence[tuple[LoadedImage, Prepared]],
        targets: Sequence[int | None],
        cancel: CancelToken | None,
    ) -> Iterator[Answer]:
        if self._batches is not None:
            yield from self._batches.explain_prepared(items, targets, cancel)
            return
        for (image, prepared), target in zip(items, targets, strict=True):
            yield self._alone(image, prepared, target, cancel)

    def _alone(
        self, image: LoadedImage, prepared: Prepared, target: int | None, cancel: CancelToken | None
    ) -> Answer:
        """By a method that takes one image at a time."""
        how = self._how
        with Session(self.model, image, exact=how.exact, prepared=prepared) as session:
            options = dict(how.options)
            try:
                found = session.explain(
                    how.layers, target, method=how.method, options=options, cancel=cancel
                )
            except (LayerError, TargetError) as error:
                return Answer(None, session.logits, error)
            except MethodError:
                # It does not fit the network at all, whatever the image.
                raise
            return Answer(found, session.logits)

    def _row(self, pending: Pending, ready: Ready, found: Answer | str) -> Row:
        row = Row(ready.picture.content, pending.label, pending.labels)
        if isinstance(found, str):
            return replace(row, error=found)
        if found.logits is not None:
            scores = self.model.facts.reading.form.scores
            row = with_scores(row, found.logits, scores)
        if found.explanation is None:
            return replace(row, error=str(found.error))
        return with_map(row, found.explanation, ready.size)


def with_map(row: Row, explanation: Explanation, size: tuple[int, int]) -> Row:
    """The row with a map, its figures and place. size: (width, height) of the original."""
    width, height = size
    region = explanation.region
    return replace(
        row,
        target=explanation.target.index,
        value=float(explanation.target.logit),
        verdict=explanation.verdict.value,
        figures=figures_of(explanation.map),
        map=stored(explanation.map),
        region=(
            *(region.x / width, region.y / height),
            *(region.width / width, region.height / height),
        ),
    )


def with_scores(row: Row, logits: NDArray[np.float64], scores: Scores) -> Row:
    """The row with what logits, float64 (classes,), say about its label."""
    if not np.isfinite(logits).all():
        return replace(row, error="the network's output is not finite (NaN or infinity)")
    top = int(np.argmax(logits))
    if scores is Scores.VALUES:
        return replace(row, prediction=top)
    if scores is Scores.LABELS:
        return _with_labels(replace(row, prediction=top), logits)
    # The sides of one score are its negative and itself, whose sigmoid is a softmax of half.
    chances = softmax(logits) if scores is Scores.CLASSES else sigmoid(logits)
    ordered = np.sort(chances)[::-1]
    row = replace(
        row,
        prediction=top,
        probability=float(chances[top]),
        margin=float(ordered[0] - ordered[1]) if len(ordered) > 1 else None,
        entropy=float(-sum(p * math.log(p) for p in chances if p > 0)),
    )
    if row.label is None:
        return row
    return replace(row, correct=top == row.label, loss=_cost(logits, row.label, scores))


def _cost(logits: NDArray[np.float64], label: int, scores: Scores) -> float:
    """-log of the label's probability, without overflow."""
    if scores is Scores.CLASSES:
        highest = float(logits.max())
        return highest + math.log(float(np.exp(logits - highest).sum())) - float(logits[label])
    return float(np.logaddexp(0.0, -logits[label]))


def _with_labels(row: Row, logits: NDArray[np.float64]) -> Row:
    """Of independent labels: correct if exactly those of the image are given; entropy and loss are
    sums over the classes."""
    chances = sigmoid(logits)
    given = tuple(map(int, np.flatnonzero(chances >= POSITIVE)))
    costs = np.logaddexp(0.0, -logits), np.logaddexp(0.0, logits)
    row = replace(
        row,
        probability=float(chances[row.prediction]) if row.prediction is not None else None,
        positives=given,
        entropy=float((chances * costs[0] + (1 - chances) * costs[1]).sum()),
    )
    if not row.labels:
        return row
    wanted = np.zeros(len(logits), bool)
    wanted[list(row.labels)] = True
    loss = float(np.where(wanted, costs[0], costs[1]).sum())
    return replace(row, correct=given == row.labels, loss=loss)
