"""What is said above a pane: first what tells it from the others."""

from __future__ import annotations

from dataclasses import replace

from engine.methods.registry import title_of
from engine.records.display import DisplaySettings
from engine.records.edits import Crop, Edits
from engine.render.overlay import nothing_words, number_text, value_range
from gui.state.panes import Pane
from gui.state.state import State
from gui.widgets.canvas.panes.fitting import WIDE, Part
from gui.widgets.canvas.panes.pane_header import Heading
from gui.widgets.canvas.words import caption_for, notice_for


def heading(state: State, place: int, pane: Pane, display: DisplaySettings) -> Heading:
    """What a pane shows: first what tells it from the others."""
    panes, shown = state.panes, pane.explanation
    image = state.images.get(pane.current_key or "")
    title = image.title if image is not None else ""
    images = len({one.current_key for one in panes}) > 1
    if pane.bare:
        return Heading(place, f"{title}  ·  original" if images and title else "original")
    maps = [one for one in panes if not one.bare]
    parts: list[tuple[bool, Part]] = []
    if images:
        parts.append((True, Part(title)))
    if len({state.edits_of(one) for one in maps}) > 1:
        parts.append((True, Part(_edits_words(state.edits_of(pane)))))
    if len({one.model_source for one in maps}) > 1 and pane.model_source is not None:
        parts.append((True, Part(pane.model_source.title)))
    if len({(one.method, one.options) for one in maps}) > 1:
        parts.append((True, Part(title_of(pane.method), ends=False)))
    parts += _words(pane, maps, display)
    parts.sort(key=lambda part: not part[0])
    value = ""
    if shown is not None:
        end = value_range(shown.map, replace(display, end=None))[1]
        known = f"max {number_text(end)}" if end >= 0.0 else f"min {number_text(end)}"
        value = nothing_words(shown.map, display) or known
        parts.append((False, Part(notice_for(shown, display))))
    parts = [(differs, part) for differs, part in parts if part.text]
    apart = tuple(part for differs, part in parts if differs) or tuple(part for _, part in parts)
    return Heading(place, WIDE.join(part.text for _, part in parts), value, apart=apart)


def _words(pane: Pane, maps: list[Pane], display: DisplaySettings) -> list[tuple[bool, Part]]:
    """(whether the panes differ in it, what is said) of layer and class, or what is in the way."""
    shown = pane.explanation
    if shown is None:
        text = "computing…" if pane.computing else "no map"
        return [(False, Part(text))]
    caption = caption_for(shown, display, visible=True)
    there = [one.explanation for one in maps if one.explanation is not None]
    layers = len({one.layer for one in there}) > 1
    subjects = len({one.subject or one.target.label for one in there}) > 1
    subject = Part(f"{caption.label}  {caption.percent}", caption.label, ends=False)
    return [(subjects, subject), (layers, Part(caption.layer))]


def _edits_words(edits: Edits) -> str:
    """What tells a pane with edits from one without."""
    if not edits.steps:
        return "original"
    return "crop" if any(isinstance(step, Crop) for step in edits.steps) else "with edits"
