"""Applies the user's changes to an open model, and saves them in a profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.files import presence
from engine.images.presets import ASSUMED
from engine.loading.class_names import read_class_names
from engine.methods.registry import Chosen
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.progress import CancelToken
from engine.reader import client
from engine.records.asked import Question
from engine.records.images import Preprocessing
from engine.records.models import Layout, Origin, OutputForm
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    from engine.model import Model

_ASSUMING = "The preprocessing in this profile is assumed, not known: check it"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Changes to a model's preprocessing, output, classes or layouts; None leaves one unchanged.

    output: if it only names another of the network's outputs, how to read that one is detected.
    classes: a file with class names. layouts: (layer, layout) pairs; None resets a layer to its
    detected layout. profile: a profile file, applied before the other changes.
    """

    preprocessing: Preprocessing | None = None
    output: OutputForm | None = None
    classes: Path | None = None
    layouts: tuple[tuple[str, Layout | None], ...] = ()
    profile: Path | None = None


def adjusted(model: Model, change: Adjustment, cancel: CancelToken | None = None) -> Model:
    """The changed model; the given one is left unchanged.

    Files named in the change are read without a time limit.
    Raises ModelError or LayerError if the network or a file does not permit it, and Cancelled.
    """
    with client.reading(cancel, patience=None):
        return _adjusted(model, change, cancel)


def _adjusted(model: Model, change: Adjustment, cancel: CancelToken | None) -> Model:
    if change.profile is not None:
        told = store.read(change.profile)
        assumed = told.preprocessing is not None and told.preprocessing_origin == ASSUMED
        model = model.configured(
            preprocessing=told.preprocessing,
            preprocessing_origin=told.preprocessing_origin or change.profile.name,
            preprocessing_from=Origin.ASSUMED if assumed else Origin.PROFILE,
            notices=(_ASSUMING,) if assumed else (),
            classes=told.classes or None,
            classes_origin=told.classes_origin or change.profile.name,
            output=told.output,
            layouts=told.layouts or None,
            method=told.method,
            asked=told.question,
            cancel=cancel,
        )
    names = read_class_names(change.classes) if change.classes is not None else None
    layouts = {**model.layouts, **dict(change.layouts)}
    if change == Adjustment(profile=change.profile):
        return model
    return model.configured(
        preprocessing=change.preprocessing,
        output=_output(model, change.output),
        classes=names,
        classes_origin=change.classes.name if change.classes is not None else "",
        layouts={name: layout for name, layout in layouts.items() if layout is not None},
        cancel=cancel,
    )


def _output(model: Model, form: OutputForm | None) -> OutputForm | str | None:
    now = model.info.output
    if form is not None and form.place != now.place and form.scores is now.scores:
        return form.place
    return form


def profile_of(model: Model, source: ModelSource) -> ModelProfile:
    """The current settings of an open model."""
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
        method=model.method if model.method != model.default_method else None,
        question=model.asked,
        arithmetic=info.arithmetic,
    )


def remember_answers(model: Model, source: ModelSource) -> None:
    """Save the user's answers given while opening a model, so that its files ask nothing again.

    Class names and input belong to the weights; architecture, arguments and weights to the file
    that was opened. Raises ExportError if the profile cannot be written.
    """
    # The window imports this module before torch is loaded.
    from engine.weights.state_dicts import checksum

    own = model.info.weights_sha256
    how = (source.classes, source.input, source.output, source.preprocessing, source.profile)
    if own and any(how):
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
    """Use this method for the model from now on, also when it is opened again.

    Nothing is recomputed. Raises ExportError if the profile cannot be written.
    """
    model.method = how
    sha256 = model.info.weights_sha256
    if sha256:
        known = store.load(sha256) or ModelProfile()
        store.save(sha256, replace(known, method=how if how != model.default_method else None))


def remember_question(model: Model, question: Question) -> None:
    """Ask this question of the model in the window from now on, also when it is opened again.

    Nothing is recomputed. Raises ExportError if the profile cannot be written.
    """
    model.asked = question
    sha256 = model.info.weights_sha256
    if sha256:
        known = store.load(sha256) or ModelProfile()
        store.save(sha256, replace(known, question=question))


def forget(model: Model, source: ModelSource) -> None:
    """Delete the profiles of a model and of the file that it was opened from."""
    from engine.weights.state_dicts import checksum

    path = Path(source.spec)
    own = checksum(path) if presence.is_file(path) else ""
    for sha256 in {model.info.weights_sha256, own} - {""}:
        store.forget(sha256)
