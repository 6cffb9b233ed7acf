"""Further passes about a map that was explained: scores and maps of changed copies of the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from engine.errors import LayerError
from engine.explain.answers.fused import fused
from engine.explain.answers.known import KnownMaps
from engine.explain.answers.requests import Request
from engine.explain.answers.single import found_maps
from engine.explain.drivers.input_passes import InputPasses
from engine.explain.kept_passes import Computation
from engine.methods.modifiers import fused_by, of_one_layer
from engine.methods.registry import Chosen
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.asked import Asked, Score
from engine.records.explanations import FloatMap
from engine.records.models import Scores
from engine.targets.scores import score_of

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says of one input. score: the number that is explained. probability: of the
    explained class; None for a question about another number, and where there is none."""

    score: float
    probability: float | None


class Trials:
    """Asks again what an explanation was asked, of other inputs to the same network.

    request: that of the explanation, with everything decided. guarded: runs work as a session does.
    Inputs are (C, h, w), on the device of `image` and in its type.
    """

    def __init__(
        self,
        work: Computation,
        request: Request,
        asked: Asked,
        guarded: Callable[[Callable[[], object]], object],
        cancel: CancelToken | None,
    ) -> None:
        self._work, self._places, self.how = work, request.places, request.how
        self._asking = replace(request.asking, decided=asked)
        self._guarded, self.cancel = guarded, cancel

    @property
    def image(self) -> Tensor:
        """(C, h, w), preprocessed, on the network's device."""
        return self._work.input[0].detach()

    @property
    def about_logits(self) -> bool:
        """Whether the number that is explained is made of the logits."""
        return self._asking.call is None

    def readings(
        self,
        inputs: Callable[[], Iterable[Tensor]],
        total: int,
        report: Report = ignore_progress,
    ) -> list[Reading]:
        """One for each input, in their order. No graph is kept.

        inputs: makes them, again if memory ran out. total: how many there are. Raises Cancelled,
        and ModelError and DeviceError as Session.explain does.
        """
        found: list[Reading] = []

        def read() -> None:
            found.clear()
            passes = self._passes(total, report)
            if not self.about_logits:
                for scores in passes.scores(inputs()):
                    found.extend(Reading(float(score), None) for score in scores)
                return
            score, probability = self._asking.of_batch(), self._probability()
            for logits in passes.logits(inputs()):
                rows = score(logits).tolist()
                shares = probability(logits).tolist() if probability is not None else None
                for at, row in enumerate(rows):
                    found.append(Reading(row, shares[at] if shares else None))

        self._guarded(read)
        return found

    def tops(self, inputs: Callable[[], Iterable[Tensor]], total: int) -> list[int]:
        """The predicted class of each input; arguments and errors as for readings."""
        found: list[int] = []

        def read() -> None:
            found.clear()
            for logits in self._passes(total, ignore_progress).logits(inputs()):
                found.extend(logits.argmax(dim=1).tolist())

        self._guarded(read)
        return found

    def map_of(
        self, image: Tensor, report: Report = ignore_progress, *, mirrored: bool = False
    ) -> FloatMap:
        """The map of a changed input, (rows, columns), by the same method, layer and question.

        mirrored: whether it is mirrored left to right, and with it the cell that is asked about.
        Raises LayerError for one that is not finite, and the errors of readings.
        """
        found: list[FloatMap] = []

        def explain() -> None:
            found.clear()
            copy = self._work.of_copy(image[None].detach().cpu(), None)
            try:
                found.append(self._mapped(copy, mirrored, report))
            finally:
                copy.close()

        self._guarded(explain)
        if not np.isfinite(found[0]).all():
            raise LayerError("the map of the changed image is not finite")
        return found[0]

    def _mapped(self, copy: Computation, mirrored: bool, report: Report) -> FloatMap:
        asking = self._asking.of_copy(copy, mirrored=mirrored)
        places, how = self._places, self.how
        maps = found_maps(
            copy, KnownMaps(), asking, places or (None,), of_one_layer(how), self.cancel, report
        )
        if len(maps) == 1:
            return maps[0].map
        names = (place.name for place in places)
        return fused(tuple(zip(names, maps, strict=True)), fused_by(how)).map

    def _probability(self) -> Callable[[Tensor], Tensor] | None:
        asked, scores = self._asking.asked(), self._work.model.facts.reading.form.scores
        if asked.question != "class" or asked.target is None or scores is Scores.VALUES:
            return None
        return score_of(replace(asked, score=Score.PROBABILITY), scores)

    def _passes(self, total: int, report: Report) -> InputPasses:
        how: Chosen = self.how
        return InputPasses(
            self._work, self._asking, how, self.cancel, report, most=_BATCH, total=total
        )
