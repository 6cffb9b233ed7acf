"""Explains the views of one image and one model, all in one session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from engine.errors import HookscopeError
from engine.explain.session import Session
from engine.methods import registry
from engine.methods.registry import Family
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.asked import CLASS, Question
from engine.records.explanations import Explanation
from engine.records.views import View

TOP_CLASSES = 5

# Passes, forward and backward, of a method that is computed at once.
_FEW = 4


def explained(
    session: Session,
    views: Sequence[View],
    *,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
    done: Callable[[int], None] = lambda _count: None,
) -> list[Explanation]:
    """The map of each view of the session's image and model, in their order.

    One forward pass serves all layers, classes and methods that take no passes of their own, as far
    as its graph fits the memory. done: receives how many maps there are. Raises the errors of
    Session.explain.
    """
    layered = {view.layer for view in views if _is_layered(session, view)}
    if len(layered) > 1:
        session.ready(layered, cancel)
    found: list[Explanation] = []
    for view in views:
        found.append(
            session.explain(
                view.layer,
                view.target,
                method=view.method,
                options=dict(view.options),
                question=view.question,
                cancel=cancel,
                progress=progress,
            )
        )
        done(len(found))
    return found


def _is_layered(session: Session, view: View) -> bool:
    method = registry.find(view.method) if view.method else session.model.method.method
    return method.layered


# --- contact sheets ------------------------------------------------------------------------------


def of_all_layers(
    session: Session, view: View, cancel: CancelToken | None = None
) -> list[Explanation]:
    """The maps of every layer, first to last, for the view's class, question and method."""
    found = session.sweep(
        view.target,
        method=view.method,
        options=dict(view.options),
        question=view.question,
        cancel=cancel,
    )
    return in_order(session, found)


def in_order(session: Session, swept: Mapping[str, Explanation]) -> list[Explanation]:
    """The maps of a sweep as the network calls the layers; the sweep has the order of the tree."""
    order = {call: place for place, call in enumerate(session.model.facts.calls)}
    called = {node.name: (node.name, node.calls - 1) for node in session.layers}
    return sorted(swept.values(), key=lambda one: order[called[one.layer]])


def of_all_images(
    sessions: Iterable[Session], view: View, cancel: CancelToken | None = None
) -> list[Explanation]:
    """The maps of one layer over many images; a session for each, closed once it is done with."""
    found: list[Explanation] = []
    for session in sessions:
        with session:
            found += explained(session, [view], cancel=cancel)
    return found


def of_all_methods(
    session: Session, view: View, cancel: CancelToken | None = None
) -> list[Explanation]:
    """The maps of one layer by every method that it can be had for and that takes one pass."""
    slugs = methods_for(session, view.layer, view.question)
    views = [
        replace(
            view,
            method=slug,
            options=(),
            layer=view.layer if registry.find(slug).layered else None,
        )
        for slug in slugs
    ]
    return explained(session, views, cancel=cancel)


def of_top_classes(
    session: Session, view: View, count: int = TOP_CLASSES, cancel: CancelToken | None = None
) -> list[Explanation]:
    """The maps of the classes with the highest scores, the highest first."""
    top = session.predictions(count, cancel)
    views = [replace(view, target=prediction.index) for prediction in top]
    return explained(session, views, cancel=cancel)


def methods_for(
    session: Session, layer: str | None, question: Question = CLASS, *, slow: bool = False
) -> list[str]:
    """The methods that a layer of the session's model can be had for, in the table's order.

    slow: with those that take more than a few passes. Nothing is run.
    """
    found: list[str] = []
    for method in registry.METHODS:
        if method.family is Family.ATTENTION and session.model.info.no_attention:
            continue
        asked = layer if method.layered else None
        try:
            passes = sum(session.expected(asked, method=method.slug, question=question))
        except HookscopeError:
            continue
        if slow or 0 < passes <= _FEW:
            found.append(method.slug)
    return found
