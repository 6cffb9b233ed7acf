"""How far a map can be trusted: figures on the engine lane, marks on the file lane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.workbench.trust import Marked, TrustFigure, TrustSettings
from gui.jobs.engine_worker import EngineWorker
from gui.state.records import Request

if TYPE_CHECKING:
    from gui.jobs.lanes import Watch


def figures(
    worker: EngineWorker,
    image: LoadedImage,
    request: Request,
    names: tuple[str, ...],
    settings: TrustSettings,
    watch: Watch,
) -> tuple[TrustFigure, ...]:
    """The figures of these names about the map of a request. Raises the errors of measure."""
    from engine.metrics.running import measure

    session = worker.session(image, request, watch)
    explanation = session.explain(
        request.layer,
        request.target,
        method=request.method,
        options=dict(request.options),
        question=request.question,
        cancel=watch.cancel,
    )
    found = measure(
        session, explanation, names, settings, cancel=watch.cancel, progress=watch.report
    )
    return tuple(found)


def marked_by(path: Path, image: LoadedImage) -> Marked:
    """What a file of boxes or a mask marks in an image. Raises ImageError."""
    from engine.metrics.annotations import load_marked

    return load_marked(path, image)


def localised(
    explanation: Explanation, marked: Marked, threshold: float
) -> tuple[TrustFigure, ...]:
    """The map against what was marked."""
    from engine.metrics.localisation import localised as found

    return tuple(found(explanation, marked, threshold))
