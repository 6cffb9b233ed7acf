"""The form of a figure as it is remembered: the last one, and those that the user has named."""

from __future__ import annotations

import json
from typing import Final

from engine.records.figures import FigureForm
from gui.settings import table
from gui.settings.store import Settings

BUILT_IN: Final = (
    ("Column of a journal", FigureForm(width=85.0, dpi=300)),
    ("Page of a journal", FigureForm(width=180.0, dpi=300)),
    ("Slide, dark", FigureForm(width=254.0, dpi=150, paper="dark", caption=False)),
)
"""Presets that are there from the start."""


def last_form(settings: Settings) -> FigureForm:
    """The form that was used last."""
    return _form(settings.get(table.FIGURE_FORM))[1]


def remember(settings: Settings, form: FigureForm) -> None:
    """Remember the form for the next figure."""
    settings.set(table.FIGURE_FORM, json.dumps(form.facts))


def named(settings: Settings) -> dict[str, FigureForm]:
    """The user's presets by name, in the order in which they were saved."""
    return dict(map(_form, settings.get(table.FIGURE_PRESETS)))


def save(settings: Settings, name: str, form: FigureForm) -> None:
    """Save a form under a name, in place of the one that has it."""
    _store(settings, {**named(settings), name: form})


def delete(settings: Settings, name: str) -> None:
    """Delete one of the user's presets."""
    kept = named(settings)
    kept.pop(name, None)
    _store(settings, kept)


def _store(settings: Settings, presets: dict[str, FigureForm]) -> None:
    texts = (json.dumps({"name": name, **form.facts}) for name, form in presets.items())
    settings.set(table.FIGURE_PRESETS, tuple(texts))


def _form(text: str) -> tuple[str, FigureForm]:
    """Name and form of a text that the settings accept."""
    facts = json.loads(text) if text else {}
    name = str(facts.pop("name", ""))
    return name, FigureForm.from_facts(facts)
