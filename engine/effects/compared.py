"""What a network says of an image before its edits and after them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.edits.apply import Others, edited, frame_of
from engine.effects.hottest import Hottests
from engine.explain.scoring import Scorer
from engine.images.placing import region_of
from engine.model import Model
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Edits
from engine.records.images import LoadedImage, Region
from engine.records.models import Prediction
from engine.records.workbench.what_if import WhatIf
from engine.targets.classes import find_class


def what_if(
    model: Model,
    image: LoadedImage,
    edits: Edits,
    target: int | str | None = None,
    *,
    others: Others | None = None,
    k: int = 5,
    exact: bool = False,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> WhatIf:
    """What the network says of the image, and of the image with the edits done.

    target: index or label of the class whose change is told; None for the predicted one. others:
    for edits that paste, as in engine.edits.apply.edited. k: how many classes are listed. Takes two
    forward passes, and for edits by the hottest pixels those of their maps.

    Raises TargetError for an unknown class; EditError, ImageError, ModelError and DeviceError as
    edited and Session.explain do, and Cancelled.
    """
    scorer = Scorer(model, exact=True)
    wanted = None if target is None else find_class(target, model.classes)
    before = scorer.logits(image, cancel)
    masks = Hottests(model, exact=exact, cancel=cancel, progress=progress)
    changed = edited(image, edits, masks=masks, others=others, cancel=cancel)
    after = scorer.logits(changed, cancel) if changed is not image else before
    index = int(np.argmax(before)) if wanted is None else wanted
    return WhatIf(
        target=model.predictions(before, [index])[0],
        changed=model.predictions(after, [index])[0],
        before=top_of(model, before, k),
        after=top_of(model, after, k),
        image=changed,
        edits=edits,
        region=seen_of(model, image, edits),
    )


def top_of(model: Model, logits: NDArray[np.float64], k: int) -> tuple[Prediction, ...]:
    """The k classes with the highest logits, highest first, as in Session.predictions."""
    order: Sequence[int] = [int(index) for index in np.argsort(-logits, kind="stable")[:k]]
    return model.predictions(logits, order)


def seen_of(model: Model, image: LoadedImage, edits: Edits) -> Region:
    """What the network sees of an edited image, in pixels of the image as its file has it."""
    frame = frame_of(edits, image.width, image.height)
    seen = region_of(int(frame.width), int(frame.height), model.preprocessing)
    return Region(frame.x + seen.x, frame.y + seen.y, seen.width, seen.height)
