"""The work of the engine lane while an image is being edited: one fast pass for each answer.

A photograph is reduced first, to about what the network takes in, so that painting on it costs no
more than painting on a small picture. What the edits change there is added to what the network says
of the whole photograph. Once the hand rests, the window edits and explains the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.records.edits import NO_EDITS, Brush, Crop, Edits, Hide
from engine.records.images import LoadedImage
from gui.jobs.edit_work import Opened, others_of
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Watch
from gui.jobs.reduced import Reduced, reduced_for
from gui.state.edited import LiveScores
from gui.state.records import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.effects.hottest import Hottests
    from engine.explain.scoring import Scorer
    from engine.records.workbench.what_if import Curve, Positions


@dataclass(slots=True, eq=False)
class _Begun:
    """What the answers for one image and model share.

    image: as it was asked for. before: what the network says of it. plain: logits of the reduced
    image without edits. last: the edits that were done last, and what they made of the reduced
    image.
    """

    image: LoadedImage
    request: Request
    small: Reduced
    scorer: Scorer
    masks: Hottests
    before: tuple[NDArray[np.float64], NDArray[np.float64]]
    plain: NDArray[np.float64]
    last: tuple[Edits, LoadedImage] | None = None

    def is_for(self, image: LoadedImage, request: Request) -> bool:
        return self.image is image and _without_edits(self.request) == _without_edits(request)


class LiveWork:
    """Used on the engine lane only."""

    def __init__(self, worker: EngineWorker) -> None:
        self._worker = worker
        self._begun: _Begun | None = None

    def scores(
        self,
        image: LoadedImage,
        request: Request,
        opened: Opened,
        watch: Watch,
    ) -> LiveScores:
        """What the network says of an image with the request's edits. opened: for
        edit_work.others_of. Raises the errors of a session and ImageError, and Cancelled."""
        from engine.edits.apply import edited

        begun = self._begun
        if begun is None or not begun.is_for(image, request):
            begun = self._begun = self._begin(image, request, watch)
        model = self._worker.model_of(request.model)
        start, steps = begun.small.image, request.edits
        grown = added_to(begun.last[0], steps) if begun.last is not None else None
        if grown is not None and begun.last is not None:
            # A stroke costs what was added to it, not the whole of it.
            start, steps = begun.last[1], grown
        others, edits = others_of(opened, watch), begun.small.edits(steps)
        done = edited(start, edits, masks=begun.masks, others=others, cancel=watch.cancel)
        begun.last = request.edits, done
        found = begun.scorer.logits(done, watch.cancel)
        logits = begun.before[0] + (found - begun.plain)
        return LiveScores(
            request.image, request.edits, logits, model.probabilities(logits), begun.before
        )

    def forget(self) -> None:
        """Free what is kept."""
        self._begun = None

    @property
    def begun(self) -> bool:
        """Whether anything is kept."""
        return self._begun is not None

    def _begin(self, image: LoadedImage, request: Request, watch: Watch) -> _Begun:
        from engine.explain.scoring import Scorer

        before = self._worker.scores(image, replace(request, edits=NO_EDITS), watch)
        model = self._worker.model_of(request.model)
        small = reduced_for(image, model.preprocessing)
        scorer = Scorer(model, exact=request.exact)
        masks = self._worker.masks_of(request.model, None, exact=request.exact)
        plain = scorer.logits(small.image, watch.cancel)
        return _Begun(image, request, small, scorer, masks, before, plain)


def added_to(before: Edits, now: Edits) -> Edits | None:
    """What is to be done to an image with the first edits for about the second: what was added to
    the stroke that is the last of both. None if more than that is another."""
    first, second = before.steps, now.steps
    if not first or len(first) != len(second) or first[:-1] != second[:-1]:
        return None
    one, other = first[-1], second[-1]
    if not isinstance(one, Hide) or not isinstance(other, Hide) or other.keep:
        return None
    if not isinstance(one.shape, Brush) or not isinstance(other.shape, Brush):
        return None
    if any(isinstance(step, Crop) for step in second):
        # Its pixels have other places.
        return None
    count = len(one.shape.points)
    added = replace(other.shape, points=other.shape.points[count - 1 :])
    if replace(other, shape=one.shape) != one or one.shape.radius != added.radius:
        return None
    if other.shape.points[:count] != one.shape.points:
        return None
    return Edits((replace(other, shape=added),))


def curve_of(
    worker: EngineWorker,
    model: str,
    image: LoadedImage,
    edits: Edits,
    at: int,
    target: int,
    opened: Opened,
    watch: Watch,
    *,
    exact: bool,
) -> Curve:
    """The score of a class along the range of the change edits.steps[at]. model: its key.

    Raises EditError, and the errors of a session.
    """
    from engine.effects.curves import curve

    found = worker.model_of(model)
    small = reduced_for(image, found.preprocessing)
    return curve(
        found,
        small.image,
        small.edits(edits),
        at,
        target=target,
        others=others_of(opened, watch),
        exact=exact,
        cancel=watch.cancel,
        progress=watch.report,
    )


def positions_of(
    worker: EngineWorker,
    model: str,
    image: LoadedImage,
    edits: Edits,
    at: int,
    target: int,
    opened: Opened,
    watch: Watch,
    *,
    exact: bool,
) -> Positions:
    """The score of a class by where edits.steps[at] is pasted. model: its key.

    Raises EditError, and the errors of a session.
    """
    from engine.effects.positions import positions

    return positions(
        worker.model_of(model),
        image,
        edits,
        at,
        target,
        others=others_of(opened, watch),
        exact=exact,
        cancel=watch.cancel,
        progress=watch.report,
    )


def _without_edits(request: Request) -> Request:
    return replace(request.wanted, edits=NO_EDITS)
