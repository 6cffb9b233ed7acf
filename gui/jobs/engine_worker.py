"""Runs the engine for the window; used on the engine lane only.

Holds the open model and the session of the current image. torch is imported inside the jobs, so
that the window is painted first.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import LayerError, MethodError, ModelError, TargetError
from engine.files.trust import Trust, store_file
from engine.lazy.numpy import np
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.models import Prediction
from engine.records.options import Value
from engine.records.sources import ModelSource
from gui.state.records import (
    Answer,
    EngineFacts,
    OpenedModel,
    Request,
    SeenInput,
    SweepAnswer,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.explain.session import Session
    from engine.formats.torchvision.gallery import PublishedModel
    from engine.loading.adjustments import Adjustment
    from engine.model import Model
    from gui.jobs.lanes import Watch

_log = logging.getLogger(__name__)

# As many as there are shortcut keys for them.
_TOP = 9


class EngineWorker:
    """Opens models and answers requests. Not thread-safe: called from one lane."""

    def __init__(self) -> None:
        self.trust = Trust(store=store_file())
        self._model: Model | None = None
        self._source: ModelSource | None = None
        self._session: Session | None = None
        self._shown: Request | None = None
        self._predicted: tuple[tuple[Prediction, ...], NDArray[np.float64]] | None = None

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

    def open_model(
        self, source: ModelSource, watch: Watch, trusted: Sequence[Path] = ()
    ) -> OpenedModel:
        """Open a model in place of the current one, which stays open on failure.

        trusted: files named on the command line together with --trust.
        """
        from engine.loading.adjustments import Adjustment, adjusted, remember_answers
        from engine.loading.load import open_source

        watch.report(0.0, f"opening {source.spec}")
        if trusted:
            self.trust.name(trusted)
        # Class names that do not fit must not prevent the model from opening.
        bare = replace(source, classes=None)
        # No time limit: the window offers to stop, and only the user knows how long it may take.
        model = open_source(bare, trust=self.trust, cancel=watch.cancel, patience=None)
        fault = ""
        if source.classes is not None:
            names = Path(source.classes)
            try:
                model = adjusted(model, Adjustment(classes=names), watch.cancel)
            except ModelError as error:
                source, fault = bare, naming(names, error)
        watch.cancel.raise_if_cancelled()
        remember_answers(model, source)
        return replace(self._take(model, source), fault=fault)

    def adjust(self, change: Adjustment, watch: Watch) -> OpenedModel:
        """Change preprocessing, output, layouts or class names, and save them in the profile."""
        from engine.loading.adjustments import adjusted, profile_of
        from engine.profiles import store

        model, source = self._opened()
        try:
            model = adjusted(model, change, watch.cancel)
        except ModelError as error:
            raise ModelError(naming(change.classes or change.profile, error)) from error
        watch.cancel.raise_if_cancelled()
        sha256 = model.info.weights_sha256
        if sha256:
            store.save(sha256, profile_of(model, source))
        return self._take(model, source)

    def remember_method(
        self, key: str, method: str, options: tuple[tuple[str, Value], ...], _watch: Watch
    ) -> None:
        """Save the method in the profile of the model with this key."""
        from engine.loading.adjustments import remember_method
        from engine.methods.registry import choose

        if self._model is not None and self._source is not None and self._source.key == key:
            remember_method(self._model, choose(method, dict(options)))

    def reset_model(self, watch: Watch) -> OpenedModel:
        """Delete the profile of the open model and reopen it."""
        from engine.loading.adjustments import forget

        model, source = self._opened()
        forget(model, source)
        bare = replace(
            source, classes=None, input=None, output=None, preprocessing=(), profile=None
        )
        return self.open_model(bare, watch)

    def export_profile(self, path: Path, _watch: Watch) -> Path:
        """Write the profile of the open model to a file."""
        from engine.loading.adjustments import profile_of
        from engine.profiles import store

        model, source = self._opened()
        store.export(path, profile_of(model, source), model.info.weights_sha256)
        return path

    def seen(self, image: LoadedImage, _watch: Watch) -> SeenInput:
        """What the model receives: the image reconstructed from its input tensor, and numbers."""
        from engine.images.preprocessing import as_seen, numbers_of, prepare

        how = self._opened()[0].preprocessing
        tensor = prepare(image, how).tensor
        return SeenInput(as_seen(tensor, how), numbers_of(tensor))

    def _opened(self) -> tuple[Model, ModelSource]:
        if self._model is None or self._source is None:
            raise ModelError("no model is open; open one first")
        return self._model, self._source

    def _take(self, model: Model, source: ModelSource) -> OpenedModel:
        from engine.profiles import store

        self._end_session()
        self._model, self._source = model, source
        sha256 = model.info.weights_sha256
        known = store.load(sha256) if sha256 else None
        # A method alone does not affect preprocessing or output.
        settled = known is not None and replace(known, method=None) != store.ModelProfile()
        return OpenedModel(source, model.info, model.layers, settled)

    def explain(self, image: LoadedImage, request: Request, watch: Watch) -> Answer:
        """Compute one explanation and the predictions for the image."""
        session = self._session_for(image, request, watch)
        explanation = self._map_for(session, request, watch)
        if self._predicted is None:
            everything = session.predictions(len(session.model.classes))
            probabilities = np.zeros(len(everything))
            for prediction in everything:
                known = prediction.probability
                probabilities[prediction.index] = np.nan if known is None else known
            self._predicted = everything[:_TOP], probabilities
        self._shown = request
        kept = session.has_gradient(explanation)
        return Answer(request, explanation, *self._predicted, session.model.info, kept)

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
        session = self._session_for(image, request, watch)
        options = dict(request.options)
        self._explain_alike(session, request, watch)
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
        return SweepAnswer(request, target, asked, maps, session.notices)

    def session(self, image: LoadedImage, request: Request, watch: Watch) -> Session:
        """The session of an image, for the work of other files."""
        return self._session_for(image, request, watch)

    def _explain_alike(self, session: Session, request: Request, watch: Watch) -> None:
        """Have the other methods' maps of the layer on screen at hand before they are asked for."""
        shown = self._shown
        if shown is None or shown.question != request.question:
            return
        with suppress(LayerError, TargetError):
            session.explain_alike(
                shown.layer, request.target, question=shown.question, cancel=watch.cancel
            )

    def forget_image(self, _watch: Watch) -> None:
        """Free the session of the current image."""
        self._end_session()

    def close(self, _watch: Watch) -> None:
        """Free everything."""
        self._end_session()
        self._model = self._source = None

    def _session_for(self, image: LoadedImage, request: Request, watch: Watch) -> Session:
        from engine.explain.session import Session

        if self._source is None or self._source.key != request.model:
            # Another model was opened, but cancelled before the window received it.
            self.open_model(ModelSource.from_key(request.model), watch)
        model, _ = self._opened()
        known = self._session
        if known is None or known.exact != request.exact or not known.image.is_same_input(image):
            self._end_session()
            self._session = Session(model, image, exact=request.exact)
        assert self._session is not None
        return self._session

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = self._shown = None
        self._predicted = None


def naming(path: Path | None, error: ModelError) -> str:
    """The message of an error, with the name of the file if it is missing."""
    known = path is None or path.name in str(error)
    return str(error) if known or path is None else f"{path.name}: {error}"
