"""What a figure shows: the panes on the screen, and the images that a sheet or a batch is of."""

from __future__ import annotations

from dataclasses import replace

from engine.methods.registry import find
from engine.records.edits import NO_EDITS
from gui.jobs.figure_work import Collected, joined
from gui.jobs.sheet_work import ImageSource, Kind, collected
from gui.state.images import OpenImage
from gui.state.records import Request
from gui.state.state import State


def panes_on_screen(state: State) -> Collected | None:
    """The panes that the canvas shows, in their order, and their difference; None without a map.

    One that shows an image without a map is left out: the form can have the bare images.
    """
    parts: list[Collected] = []
    for pane in state.panes:
        image, explanation = state.images.get(pane.current_key or ""), pane.explanation
        loaded = state.loaded_of(pane)
        model = pane.model_source
        if image is None or loaded is None or explanation is None or model is None or pane.bare:
            continue
        source = replace(source_of(state, image), edits=state.edits_of(pane))
        parts.append(collected(loaded, explanation, source, model.key))
    if not parts:
        return None
    return replace(joined(parts), differing=state.differing and len(parts) == 2)


def source_of(state: State, image: OpenImage) -> ImageSource:
    """An open image as it is now, with its edits where they are done already."""
    model = state.model_source
    edited = image.loaded_with(image.done)
    return ImageSource(
        image.key,
        image.name,
        image.path,
        edited or image.loaded,
        image.page,
        image.levels,
        state.policy,
        None if model is None else image.targets.get(model),
        NO_EDITS if edited is None else image.done,
    )


def request_of(state: State, exact: bool) -> Request | None:
    """What was asked for the map on the screen, to be asked of other images; None without one."""
    shown, image, model = state.explanation, state.current, state.model_source
    if shown is None or image is None or model is None:
        return None
    return Request(
        0,
        image.key,
        model.key,
        shown.layer or None,
        shown.target.index,
        shown.method,
        shown.options,
        image.revision,
        exact,
        state.answered,
        edits=state.edits_of(state.pane),
    )


def reason_against(state: State, kind: Kind) -> str:
    """Why there is no such figure, in a sentence; '' if there is."""
    shown = state.explanation
    if shown is None:
        return "There is no heat map yet."
    method = find(shown.method)
    if kind == "layers" and not method.swept:
        return f"{method.title} is not computed for all layers at once. Choose another method."
    if kind == "images" and len(state.images) < 2:
        return "Only one image is open. Open more of them first."
    return ""
