"""A session as plain JSON values; docs/session-file.md describes the format."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.keeping.folders import folder_facts
from engine.keeping.left import left_facts
from engine.keeping.records import KeptImage, KeptModel, KeptSession, KeptSource
from engine.profiles.asked import question_content
from engine.records.images import Note
from engine.records.levels import AUTO
from engine.version import VERSION

FORMAT = "hookscope-session"
FORMAT_VERSION = 3
"""Of a file that is written; one of a later version is rejected. In version 1, no session has a
picture of its own; in version 2, none says what its edits paste from."""


def facts_of(session: KeptSession) -> dict[str, Any]:
    """The session as JSON values."""
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "program": VERSION,
        "images": [_image_facts(image) for image in session.images],
        "models": [_model_facts(model) for model in session.models],
        "panes": [{"view": pane.view.facts, "bare": pane.bare} for pane in session.panes],
        "active": session.active,
        "links": dict(session.links),
        "arrangement": session.arrangement,
        "pinned": session.pinned,
        "display": asdict(session.display) | {"contours": list(session.display.contours)},
        "sources": [_source_facts(source) for source in session.sources],
    }
    if session.run is not None:
        facts["run"] = asdict(session.run)
    if session.folder is not None:
        facts["folder"] = folder_facts(session.folder)
    return facts


def _image_facts(image: KeptImage) -> dict[str, Any]:
    levels = image.levels
    facts = {
        "file": asdict(image.file) if image.file is not None else None,
        "scene": image.scene,
        "page": image.page if image.page != 1 else None,
        "levels": [levels.mode.value, levels.low, levels.high] if levels != AUTO else None,
        "classes": dict(image.classes),
        "expected": dict(image.expected),
        "questions": {id: question_content(asked) for id, asked in image.questions.items()},
        "notes": [_note_facts(note) for note in image.notes],
        "edits": image.edits,
        "sight": list(image.sight) if image.sight is not None else None,
        "pixels": image.pixels.sha256 if image.pixels is not None else None,
        "left": {id: left_facts(left) for id, left in image.left.items()},
    }
    return {"id": image.id, "name": image.name} | {name: to for name, to in facts.items() if to}


def _source_facts(source: KeptSource) -> dict[str, Any]:
    facts = {
        "file": asdict(source.file) if source.file is not None else None,
        "scene": source.scene,
        "pixels": source.pixels.sha256 if source.pixels is not None else None,
    }
    return {"name": source.name} | {name: to for name, to in facts.items() if to}


def _note_facts(note: Note) -> dict[str, Any]:
    part = note.part
    return {
        "text": note.text,
        "part": [part.x, part.y, part.width, part.height] if part is not None else None,
    }


def _model_facts(model: KeptModel) -> dict[str, Any]:
    source = {name: value for name, value in asdict(model.source).items() if value}
    return {
        "id": model.id,
        "source": source,
        "title": model.title,
        "weights_sha256": model.sha256,
        "files": {name: asdict(file) for name, file in model.files.items()},
        "profile": dict(model.profile) if model.profile is not None else None,
        "chosen": model.chosen,
    }
