"""Runs the engine for the window; used on the engine lane only.

Holds the open models and sessions (gui/jobs/open_sessions.py). torch is imported inside the jobs,
so that the window is painted first.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import LayerError, MethodError, ModelError, TargetError
from engine.lazy.numpy import np
from engine.records.edits import NO_EDITS
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.sources import ModelSource
from gui.jobs.model_work import ModelWork
from gui.jobs.open_sessions import OpenSession
from gui.state.records import (
    Answer,
    EngineFacts,
    Request,
    SweepAnswer,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.effects.hottest import Hottests
    from engine.explain.session import Session
    from engine.formats.torchvision.gallery import PublishedModel
    from engine.model import Model
    from gui.jobs.lanes import Watch

_log = logging.getLogger(__name__)

# As many as there are shortcut keys for them.
_TOP = 9


class EngineWorker(ModelWork):
    """Opens models, as ModelWork does, and answers requests. Not thread-safe: called from one
    lane."""

    def load_engine(self, watch: Watch) -> EngineFacts:
        """Import torch and the modules that depend on it."""
        from engine.lazy import pytorch

        seconds = pytorch.load()
        import torch

        _log.info("torch %s imported in %.2f s", torch.__version__, seconds)
        watch.cancel.raise_if_cancelled()
        from engine.explain import session
        from engine.loading import load as models
        from engine.passes import devices

        del models, session
        first = devices.available()[0]
        return EngineFacts(seconds, devices.versions(), first, devices.title(first))

    def published(self, _watch: Watch) -> tuple[PublishedModel, ...]:
        """The classifiers of the gallery; imports torchvision."""
        from engine.formats.torchvision import gallery

        return gallery.published()

    def explain(
        self,
        image: LoadedImage,
        request: Request,
        watch: Watch,
        original: LoadedImage | None = None,
    ) -> Answer:
        """Compute one explanation and the predictions for the image. original: the image without
        its edits, for what they change."""
        before = None
        if original is not None:
            before = self.scores(original, replace(request, edits=NO_EDITS), watch)
        kept = self._session_for(image, request, watch)
        session = kept.session
        explanation = self._map_for(session, request, watch)
        if kept.predicted is None:
            probabilities = session.model.probabilities(session.logits)
            kept.predicted = session.predictions(_TOP), probabilities
        kept.shown = request
        self.open.shrink(_most(request))
        gradient = session.has_gradient(explanation)
        return Answer(request, explanation, *kept.predicted, session.model.info, gradient, before)

    def scores(
        self, image: LoadedImage, request: Request, watch: Watch
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits and probabilities of all classes, float64 (classes,); NaN where the network
        returns values."""
        session = self._session_for(image, request, watch).session
        session.predictions(1, watch.cancel)
        return session.logits, session.model.probabilities(session.logits)

    def _map_for(self, session: Session, request: Request, watch: Watch) -> Explanation:
        options, question = dict(request.options), request.question
        if request.expected is not None:
            # Leaves the maps of both classes in the session, for the clicks that follow.
            compared = session.compare(
                request.expected,
                request.layer,
                request.target,
                method=request.method,
                options=options,
                score=question.score,
                cancel=watch.cancel,
                progress=watch.report,
            )
            if compared.contrast is not None:
                return compared.contrast
        return session.explain(
            request.layer,
            request.target,
            method=request.method,
            options=options,
            question=question,
            cancel=watch.cancel,
            progress=watch.report,
        )

    def sweep(self, image: LoadedImage, request: Request, watch: Watch) -> SweepAnswer:
        """Compute the maps of all layers for the class of the request."""
        kept = self._session_for(image, request, watch)
        session, options = kept.session, dict(request.options)
        _explain_alike(kept, request, watch)
        maps = session.sweep(
            request.target,
            method=request.method,
            options=options,
            question=request.question,
            cancel=watch.cancel,
            progress=watch.report,
        )
        first = next(iter(maps.values()), None)
        target = first.target.index if first is not None else request.target or 0
        for node in session.layers:
            if node.explainable and node.calls > 1:
                # Already part of the sweep; this computes nothing new.
                for name in (f"{node.name}#{k}" for k in range(node.calls)):
                    with suppress(LayerError, MethodError, TargetError):
                        maps[name] = session.explain(
                            name,
                            target,
                            method=request.method,
                            options=options,
                            question=request.question,
                            cancel=watch.cancel,
                        )
        asked = first.asked if first is not None else None
        self.open.shrink(_most(request))
        return SweepAnswer(request, target, asked, maps, session.notices)

    def masks_of(self, key: str, watch: Watch | None, *, exact: bool) -> Hottests:
        """Finds the hottest pixels of an image by maps of the model with this key. watch: None for
        one that outlives its job."""
        from engine.effects.hottest import Hottests

        return Hottests(
            self.model_of(key), exact=exact, cancel=watch.cancel if watch is not None else None
        )

    def forget_image(self, key: str, _watch: Watch) -> None:
        """Free the sessions of an image that was closed."""
        self.open.close_sessions(lambda kept: kept.image == key)

    def session(self, image: LoadedImage, request: Request, watch: Watch) -> Session:
        """The session of an image and the request's model, with what it has computed already."""
        return self._session_for(image, request, watch).session

    def model_of(self, key: str) -> Model:
        """The open model with this key. Raises ModelError if there is none."""
        model = self.open.model(key)
        if model is None:
            raise ModelError("another model was opened meanwhile; start again with it")
        return model

    def keep(
        self, panes: int, _watch: Watch, model: str | None = None, image: str | None = None
    ) -> None:
        """Free what fewer panes do not need. model, image: of the session to keep in any case."""
        self.open.touch(model, image)
        self.open.shrink(panes)

    def close(self, _watch: Watch) -> None:
        """Free everything."""
        self.open.close()

    def _session_for(self, image: LoadedImage, request: Request, watch: Watch) -> OpenSession:
        from engine.explain.session import Session

        model = self.open.model(request.model)
        if model is None:
            # It was closed to free memory, or another was opened but cancelled before the window
            # received it.
            source = ModelSource.from_key(request.model)
            opened = self.open_model(source, watch, beside=request.panes > 1)
            model = self.open.model(opened.source.key)
        kept = self.open.find(
            request.model, request.image, image, request.edits, exact=request.exact
        )
        if kept is not None:
            return kept
        assert model is not None
        self.open.make_room(_most(request))
        session = Session(model, image, exact=request.exact)
        return self.open.add(
            OpenSession(request.model, request.image, session, edits=request.edits)
        )


def _most(request: Request) -> int:
    """How many sessions a request may need: one for each pane, and the original's."""
    return request.panes + bool(request.edits.steps)


def _explain_alike(kept: OpenSession, request: Request, watch: Watch) -> None:
    """Have the other methods' maps of the layer on screen at hand before they are asked for."""
    shown = kept.shown
    if shown is None or shown.question != request.question:
        return
    with suppress(LayerError, TargetError):
        kept.session.explain_alike(
            shown.layer, request.target, question=shown.question, cancel=watch.cancel
        )
