"""Opens models for the window, adjusts them and saves their profiles; on the engine lane only.

torch is imported inside the jobs, so that the window is painted first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.files.trust import Trust, store_file
from engine.records.asked import CLASS, Question
from engine.records.images import LoadedImage
from engine.records.options import Value
from engine.records.sources import ModelSource
from gui.jobs.open_sessions import OpenSessions
from gui.state.records import OpenedModel, SeenInput

if TYPE_CHECKING:
    from engine.loading.adjustments import Adjustment
    from engine.model import Model
    from gui.jobs.lanes import Watch


class ModelWork:
    """Holds the open models, and the files whose code may run. Not thread-safe: called from one
    lane."""

    def __init__(self) -> None:
        self.trust = Trust(store=store_file())
        self.open = OpenSessions()

    def open_model(
        self,
        source: ModelSource,
        watch: Watch,
        trusted: Sequence[Path] = (),
        *,
        beside: bool = False,
    ) -> OpenedModel:
        """Open a model in place of the current one, which stays open on failure.

        trusted: files named on the command line together with --trust. beside: the current model
        stays the one that is adjusted.
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
        return replace(self._take(model, source, beside=beside), fault=fault)

    def open_beside(self, source: ModelSource, watch: Watch) -> OpenedModel:
        """Open a model besides the current one."""
        return self.open_model(source, watch, beside=True)

    def adjust(self, change: Adjustment, watch: Watch, key: str | None = None) -> OpenedModel:
        """Change preprocessing, output, layouts or class names, and save them in the profile.

        key: of the model; None for the current one, here and below.
        """
        from engine.loading.adjustments import adjusted, profile_of
        from engine.profiles import store

        model, source = self._current(key, watch)
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

        model = self.open.model(key)
        if model is not None:
            remember_method(model, choose(method, dict(options)))

    def remember_question(self, key: str, question: Question, _watch: Watch) -> None:
        """Save the question in the profile of the model with this key."""
        from engine.loading.adjustments import remember_question

        model = self.open.model(key)
        if model is not None:
            remember_question(model, question)

    def reset_model(self, watch: Watch, key: str | None = None) -> OpenedModel:
        """Delete the profile of the open model and reopen it."""
        from engine.loading.adjustments import forget

        model, source = self._current(key, watch)
        forget(model, source)
        bare = replace(
            source, classes=None, input=None, output=None, preprocessing=(), profile=None
        )
        return self.open_model(bare, watch)

    def export_profile(self, path: Path, watch: Watch, key: str | None = None) -> Path:
        """Write the profile of the open model to a file."""
        from engine.loading.adjustments import profile_of
        from engine.profiles import store

        model, source = self._current(key, watch)
        store.export(path, profile_of(model, source), model.info.weights_sha256)
        return path

    def seen(self, image: LoadedImage, watch: Watch, key: str | None = None) -> SeenInput:
        """What the model receives: the image reconstructed from its input tensor, and numbers."""
        from engine.images.preprocessing import as_seen, numbers_of, prepare

        how = self._current(key, watch)[0].preprocessing
        tensor = prepare(image, how).tensor
        return SeenInput(as_seen(tensor, how), numbers_of(tensor))

    def _current(self, key: str | None, watch: Watch) -> tuple[Model, ModelSource]:
        """The model with this key, which becomes the current one; opened again if it was closed.
        None for the one that is current. Raises ModelError if there is none."""
        if key is not None:
            if self.open.model(key) is None:
                self.open_model(ModelSource.from_key(key), watch)
            else:
                self.open.current = key
        return self.open.opened()

    def _take(self, model: Model, source: ModelSource, *, beside: bool = False) -> OpenedModel:
        from engine.profiles import store

        self.open.add_model(model, source, beside=beside)
        sha256 = model.info.weights_sha256
        known = store.load(sha256) if sha256 else None
        # A method or question alone does not affect preprocessing or output.
        rest = replace(known, method=None, question=CLASS) if known is not None else None
        settled = rest is not None and rest != store.ModelProfile()
        return OpenedModel(source, model.info, model.layers, settled)


def naming(path: Path | None, error: ModelError) -> str:
    """The message of an error, with the name of the file if it is missing."""
    known = path is None or path.name in str(error)
    return str(error) if known or path is None else f"{path.name}: {error}"
