"""What was chosen for an image and in a pane, as a session has it, is chosen again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.errors import MethodError
from engine.keeping.records import KeptImage, KeptPane
from engine.methods.registry import choose
from engine.records.explanations import layers_in
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.state.images import OpenImage
from gui.state.panes import Left, Pane


def choose_for(
    image: OpenImage, kept: KeptImage, sources: Mapping[str, ModelSource]
) -> tuple[str, ...]:
    """Choose again what was chosen for an image; returns what cannot be, as notices.

    sources: of the models, by their ids in the session.
    """
    for mine, theirs in ((image.targets, kept.classes), (image.expected, kept.expected)):
        mine |= {sources[id]: index for id, index in theirs.items() if id in sources}
    image.questions |= {sources[id]: asked for id, asked in kept.questions.items() if id in sources}
    notices: list[str] = []
    for id, left in kept.left.items():
        if id not in sources:
            continue
        try:
            chosen = choose(left.method, dict(left.options))
        except MethodError as error:
            notices.append(f"{image.name}: {error}")
            continue
        image.left[sources[id]] = Left(
            left.layer, chosen.method.slug, chosen.options, left.question, left.comparing
        )
    return tuple(notices)


def fit(pane: Pane, kept: KeptPane) -> tuple[str, ...]:
    """Select what was selected in a pane, as far as its model has it; what is left, as notices."""
    view, info = kept.view, pane.info
    assert info is not None
    left: list[str] = []
    names = {node.name for node in pane.layers if node.explainable}
    pane.layer = None
    if view.layer is not None:
        parts = layers_in(view.layer, names)
        if parts and all(part.partition("#")[0] in names for part in parts):
            pane.layer = view.layer
        else:
            left.append(f"{info.title} has no layer {view.layer}, so its default one is explained")
    pane.target = _class_of(view, info.classes)
    if view.target is not None and pane.target is None:
        left.append(f"{info.title} has no class {view.target}, so the predicted one is explained")
    try:
        chosen = choose(view.method or info.method, dict(view.options))
        pane.method, pane.options = chosen.method.slug, chosen.options
    except MethodError as error:
        pane.method, pane.options = info.method, info.method_options
        left.append(str(error))
    return tuple(left)


def _class_of(view: View, classes: Sequence[str]) -> int | None:
    target = view.target
    if isinstance(target, str):
        return classes.index(target) if target in classes else None
    return target if target is not None and target < len(classes) else None
