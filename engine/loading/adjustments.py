"""Changes that a person makes to an open model, and the profile that remembers them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.files import presence
from engine.loading.class_names import read_class_names
from engine.methods.registry import GRAD_CAM, Chosen
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.progress import CancelToken
from engine.reader import client
from engine.records.images import Preprocessing
from engine.records.models import Layout, OutputForm
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    from engine.model import Model


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Another way to feed or read the same network; None leaves a thing as it is.

    classes: a file of class names. layouts: (layer, layout) pairs; None takes back what was said
    of a layer. profile: a file with all of it, which counts before the others.
    """

    preprocessing: Preprocessing | None = None
    output: OutputForm | None = None
    classes: Path | None = None
    layouts: tuple[tuple[str, Layout | None], ...] = ()
    profile: Path | None = None


def adjusted(model: Model, change: Adjustment, cancel: CancelToken | None = None) -> Model:
    """The model with the change made; the given one stays as it is.

    A file that the change names is read for as long as it takes.
    Raises ModelError or LayerError where the network or a file does not bear it, and Cancelled.
    """
    with client.reading(cancel, patience=None):
        return _adjusted(model, change, cancel)


def _adjusted(model: Model, change: Adjustment, cancel: CancelToken | None) -> Model:
    if change.profile is not None:
        told = store.read(change.profile)
        model = model.configured(
            preprocessing=told.preprocessing,
            preprocessing_origin=told.preprocessing_origin or change.profile.name,
            classes=told.classes or None,
            classes_origin=told.classes_origin or change.profile.name,
            output=told.output,
            layouts=told.layouts or None,
            method=told.method,
            cancel=cancel,
        )
    names = read_class_names(change.classes) if change.classes is not None else None
    layouts = {**model.layouts, **dict(change.layouts)}
    if change == Adjustment(profile=change.profile):
        return model
    return model.configured(
        preprocessing=change.preprocessing,
        output=change.output,
        classes=names,
        classes_origin=change.classes.name if change.classes is not None else "",
        layouts={name: layout for name, layout in layouts.items() if layout is not None},
        cancel=cancel,
    )


def profile_of(model: Model, source: ModelSource) -> ModelProfile:
    """Everything that is settled about an open model now."""
    info = model.info
    named = info.classes_origin != "numbered"
    return ModelProfile(
        preprocessing=info.preprocessing,
        preprocessing_origin=info.preprocessing_origin,
        output=info.output,
        classes=info.classes if named else (),
        classes_origin=info.classes_origin if named else "",
        layouts=dict(model.layouts),
        architecture=source.architecture or "",
        arguments=source.arguments,
        title=info.title,
        method=model.method if model.method != GRAD_CAM else None,
    )


def remember_answers(model: Model, source: ModelSource) -> None:
    """Keep what was answered while a model was opened, so that the same files ask nothing again.

    Class names and the input belong to the weights; how the network is made, and with which
    weights, to the file that was opened. Raises ExportError when it cannot be written.
    """
    # The window imports this module before torch is loaded.
    from engine.weights.state_dicts import checksum

    own = model.info.weights_sha256
    if own and (source.classes is not None or source.input is not None):
        store.save(own, profile_of(model, source))
    path = Path(source.spec)
    if not presence.is_file(path):
        return
    sha256 = checksum(path)
    known = store.load(sha256) or ModelProfile()
    answers = replace(
        known,
        weights=source.weights or known.weights,
        architecture=source.architecture or known.architecture,
        arguments=source.arguments or known.arguments,
    )
    if answers != known:
        store.save(sha256, answers)


def remember_method(model: Model, how: Chosen) -> None:
    """Explain the model by this method from now on, here and when it is opened again.

    Nothing is computed: the model stays open. Raises ExportError when it cannot be written.
    """
    model.method = how
    sha256 = model.info.weights_sha256
    if sha256:
        known = store.load(sha256) or ModelProfile()
        store.save(sha256, replace(known, method=how if how != GRAD_CAM else None))


def forget(model: Model, source: ModelSource) -> None:
    """Let go of all that is remembered of a model, and of the file that it was opened from."""
    from engine.weights.state_dicts import checksum

    path = Path(source.spec)
    own = checksum(path) if presence.is_file(path) else ""
    for sha256 in {model.info.weights_sha256, own} - {""}:
        store.forget(sha256)
