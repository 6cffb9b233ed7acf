"""How a pane follows another: what both had in common goes on being so, as far as its model can."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records.asked import CLASS, Question
from engine.records.options import Value
from engine.records.sources import ModelSource
from gui.state.panes import Pane
from gui.state.records import OpenedModel

Options = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected in a pane."""

    image: str | None
    model: ModelSource | None
    layer: str | None
    target: int | None
    method: tuple[str, Options]
    question: Question

    @classmethod
    def of(cls, pane: Pane) -> Selection:
        method = pane.method, pane.options
        return cls(
            pane.current_key, pane.model_source, pane.layer, pane.target, method, pane.question
        )


def take_model(pane: Pane, opened: OpenedModel) -> None:
    """Have a pane explain what it explains by another model, as far as that can."""
    before = pane.info
    pane.model_source, pane.info, pane.layers = opened.source, opened.info, opened.layers
    pane.model_settled = opened.settled
    pane.forward_seconds = 0.0
    _fit(pane, before.classes if before is not None else ())


def _fit(pane: Pane, classes: tuple[str, ...]) -> None:
    """Drop what is selected in a pane and its model does not have. classes: of its last model."""
    names = {node.name for node in pane.layers if node.explainable}
    if pane.layer is not None and pane.layer.partition("#")[0] not in names:
        pane.layer = None
    known = pane.info.classes if pane.info is not None else ()
    if classes != known:
        label = classes[pane.target] if pane.target is not None else None
        pane.target = known.index(label) if label in known else None
        pane.question, pane.comparing = CLASS, False
    pane.forget()


def go_along(pane: Pane, here: Pane, before: Selection, now: Selection) -> None:
    """Change in a pane what has changed in the active one, and was the same in both."""
    if before.model != now.model and pane.model_source == before.model:
        classes = pane.info.classes if pane.info is not None else ()
        pane.model_source, pane.info, pane.layers = now.model, here.info, here.layers
        pane.model_settled, pane.forward_seconds = here.model_settled, 0.0
        _fit(pane, classes)
    if before.image != now.image and pane.current_key == before.image:
        pane.current_key, pane.comparing = now.image, False
        pane.forget()
    if before.layer != now.layer and pane.layer == before.layer:
        names = {node.name for node in pane.layers if node.explainable}
        if now.layer is None or now.layer.partition("#")[0] in names:
            pane.layer = now.layer
    if before.method != now.method and (pane.method, pane.options) == before.method:
        pane.method, pane.options = now.method
    if pane.model_source != now.model:
        return
    if before.target != now.target and pane.target == before.target:
        pane.target = now.target
    if before.question != now.question and pane.question == before.question:
        pane.question = now.question
