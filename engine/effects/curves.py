"""The score of a class while one change goes over its range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.edits.apply import Doing, Others, Picture, done
from engine.edits.changes import CHANGES
from engine.effects.hottest import Hottests
from engine.errors import EditError
from engine.explain.scoring import Scorer
from engine.model import Model
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Change, Edits
from engine.records.images import LoadedImage
from engine.records.models import Prediction, Scores
from engine.records.workbench.what_if import Curve
from engine.targets.classes import find_class

SAMPLES = 21
"""Amounts of a curve where none are given, about."""


def curve(
    model: Model,
    image: LoadedImage,
    edits: Edits,
    at: int,
    amounts: Sequence[float] | None = None,
    target: int | str | None = None,
    *,
    others: Others | None = None,
    exact: bool = False,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> Curve:
    """The score along the range of one change, with the other edits as they are.

    at: which of edits.steps is changed, from 0; it is taken for switched on. amounts: ascending;
    None for about SAMPLES over the whole range, the neutral one among them. target: index or label;
    None for the class that is predicted of the image without edits. One forward pass for each
    amount, several in a batch. Raises EditError if that step is no change, and what what_if raises.
    """
    step = edits.steps[at]
    if not isinstance(step, Change):
        raise EditError("a curve is of a change with an amount; choose one of them")
    wanted = tuple(CHANGES[step.what].sampled(SAMPLES) if amounts is None else amounts)
    scorer = Scorer(model, exact=exact)
    shown = target_of(scorer, image, target, cancel)
    doing = Doing(Hottests(model, exact=exact, cancel=cancel), others, cancel)
    before = Picture.of(image)
    for each in edits.steps[:at]:
        before = done(before, each, doing) if each.on else before

    def images() -> Iterator[LoadedImage]:
        for number, amount in enumerate(wanted):
            progress(number / len(wanted), "curve")
            picture = done(before, replace(step, amount=amount), doing)
            for each in edits.steps[at + 1 :]:
                picture = done(picture, each, doing) if each.on else picture
            doing.check()
            yield picture.image

    rows = np.array(list(scorer.all_logits(images(), cancel)))
    progress(1.0, "curve")
    logits, probabilities = numbers_of(model, rows, shown.index)
    return Curve(step.what, shown, wanted, logits, probabilities)


def target_of(
    scorer: Scorer, image: LoadedImage, target: int | str | None, cancel: CancelToken | None
) -> Prediction:
    """The class that is asked about, with its score on an image. Raises TargetError."""
    model = scorer.model
    index = None if target is None else find_class(target, model.classes)
    logits = scorer.logits(image, cancel)
    return model.predictions(logits, [int(np.argmax(logits)) if index is None else index])[0]


def numbers_of(
    model: Model, rows: NDArray[np.float64], index: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """The logits and the probabilities of a class; rows: (images, classes)."""
    logits = np.array(rows[:, index], np.float64)
    if model.facts.reading.form.scores is Scores.VALUES:
        return logits, None
    return logits, np.array([model.probabilities(row)[index] for row in rows], np.float64)
