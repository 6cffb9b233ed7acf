"""Converts sessions from plain JSON values, and checks the type of every one; for the way back,
see engine.keeping.writing.

docs/session-file.md describes the format. A value that is missing has its usual value, and one of
an unknown name is ignored: a later program may add some without a new version.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast, get_args

from engine.errors import ModelError, SessionError
from engine.files.presence import can_be_named
from engine.keeping import values
from engine.keeping.folders import folder_of
from engine.keeping.left import left_of
from engine.keeping.pixels import KeptPixels
from engine.keeping.records import (
    ARRANGEMENTS,
    FILES_OF_SOURCE,
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    KeptSource,
    Run,
    Sight,
)
from engine.keeping.writing import FORMAT, FORMAT_VERSION, facts_of
from engine.profiles.asked import question_of
from engine.records.asked import Question
from engine.records.display import Backdrop, DisplaySettings, Interpolation, Sign
from engine.records.images import Note, Region
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.sources import ModelSource
from engine.records.views import View
from engine.version import NAME

__all__ = ["FORMAT_VERSION", "MOST_IMAGES", "MOST_LETTERS", "facts_of", "session_of"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_IMAGES = 100_000
_MOST_MODELS = 1_000
_MOST_PANES = 100
_MOST_SOURCES = 10_000
_MOST_NOTES = 10_000
MOST_LETTERS = 10_000
"""In one note."""


def session_of(content: object) -> KeptSession:
    """The session from parsed JSON. Raises SessionError for the first error found."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SessionError(f"not a session; open one that {NAME} saved")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise SessionError("'version' must be a positive whole number")
    content = _migrated(content, version)
    if version > FORMAT_VERSION:
        raise SessionError(f"saved by a newer {NAME} (format version {version}); update {NAME}")
    session = KeptSession(
        tuple(map(_image, values.list_in(content, "images", MOST_IMAGES))),
        tuple(map(_model, values.list_in(content, "models", _MOST_MODELS))),
        tuple(map(_pane, values.list_in(content, "panes", _MOST_PANES))),
        values.whole(content.get("active", 0), "active"),
        {
            name: values.flag(on, "links")
            for name, on in values.mapping_in(content, "links").items()
        },
        values.among(content.get("arrangement", ARRANGEMENTS[0]), ARRANGEMENTS, "arrangement"),
        values.text_or_none(content.get("pinned"), "pinned"),
        _display(values.mapping_in(content, "display")),
        _run(content["run"]) if content.get("run") is not None else None,
        folder_of(content["folder"]) if content.get("folder") is not None else None,
        tuple(map(_source_of_edits, values.list_in(content, "sources", _MOST_SOURCES))),
    )
    _check(session)
    return session


def _migrated(content: dict[str, Any], version: int) -> dict[str, Any]:
    """What a file of an earlier version says in the words of this one."""
    # A key that meant nothing then has nothing that is in the archive.
    if version < 3:
        content = {name: to for name, to in content.items() if name != "sources"}
    if version > 1:
        return content
    images = content.get("images")
    if not isinstance(images, list):
        return content
    kept = [
        {name: to for name, to in image.items() if name != "pixels"}
        if isinstance(image, dict)
        else image
        for image in images
    ]
    return content | {"images": kept}


def _check(session: KeptSession) -> None:
    """Raises SessionError if something refers to what is not there."""
    images = {image.id for image in session.images}
    models = {model.id for model in session.models}
    if len(images) < len(session.images) or len(models) < len(session.models):
        raise SessionError("two images or models have the same 'id'")
    if session.active >= max(1, len(session.panes)):
        raise SessionError("'active' must be the number of a pane, from 0")
    for pane in session.panes:
        if pane.view.image not in images:
            raise SessionError("a pane shows an image that is not in it")
        if pane.view.model and pane.view.model not in models:
            raise SessionError("a pane shows a model that is not in it")


def _image(content: object) -> KeptImage:
    facts = values.mapping(content, "images")
    asked = values.mapping_in(facts, "questions")
    return KeptImage(
        values.name(facts.get("id"), "id"),
        values.text(facts.get("name", ""), "name"),
        _file(facts["file"]) if facts.get("file") is not None else None,
        values.text(facts.get("scene", ""), "scene"),
        max(1, values.whole(facts.get("page", 1), "page")),
        _levels(facts["levels"]) if facts.get("levels") is not None else AUTO,
        values.numbered_in(facts, "classes"),
        values.numbered_in(facts, "expected"),
        {id: _question(question) for id, question in asked.items()},
        tuple(map(_note, values.list_in(facts, "notes", _MOST_NOTES))),
        facts.get("edits"),
        _sight(facts["sight"]) if facts.get("sight") is not None else None,
        _pixels(facts["pixels"]) if facts.get("pixels") is not None else None,
        {id: left_of(left) for id, left in values.mapping_in(facts, "left").items()},
    )


def _source_of_edits(content: object) -> KeptSource:
    facts = values.mapping(content, "sources")
    return KeptSource(
        values.name(facts.get("name"), "name"),
        _file(facts["file"]) if facts.get("file") is not None else None,
        values.text(facts.get("scene", ""), "scene"),
        _pixels(facts["pixels"]) if facts.get("pixels") is not None else None,
    )


def _pixels(content: object) -> KeptPixels:
    sha256 = values.text(content, "pixels")
    if not _SHA256.fullmatch(sha256):
        raise SessionError("'pixels' must be a SHA-256")
    return KeptPixels(sha256=sha256)


def _file(content: object) -> KeptFile:
    facts = values.mapping(content, "file")
    path, relative = (values.text(facts.get(name, ""), name) for name in ("path", "relative"))
    if not path or not can_be_named(path) or not can_be_named(relative):
        raise SessionError("'path' must be the name of a file")
    return KeptFile(
        path,
        relative,
        values.text(facts.get("sha256", ""), "sha256"),
        values.whole(facts.get("size", 0), "size"),
        values.whole(facts.get("modified", 0), "modified"),
    )


def _model(content: object) -> KeptModel:
    facts = values.mapping(content, "models")
    files = values.mapping_in(facts, "files")
    profile = facts.get("profile")
    return KeptModel(
        values.name(facts.get("id"), "id"),
        _source(values.mapping_in(facts, "source")),
        values.text(facts.get("title", ""), "title"),
        values.text(facts.get("weights_sha256", ""), "weights_sha256"),
        {name: _file(file) for name, file in files.items() if name in FILES_OF_SOURCE},
        values.mapping(profile, "profile") if profile is not None else None,
        values.flag(facts.get("chosen", True), "chosen"),
    )


def _source(facts: dict[str, Any]) -> ModelSource:
    arguments, chosen = (
        tuple(_pair(pair, name) for pair in values.list_in(facts, name, 1_000))
        for name in ("arguments", "preprocessing")
    )
    names = ("weights", "architecture", "classes", "input", "weights_key", "profile", "output")
    texts = {name: values.text_or_none(facts.get(name), name) for name in names}
    spec = values.text(facts.get("spec"), "spec")
    if not spec or not all(can_be_named(text) for text in (spec, *texts.values()) if text):
        raise SessionError("'source' names no model")
    return ModelSource(spec, arguments=arguments, preprocessing=chosen, **texts)


def _pair(content: object, name: str) -> tuple[str, str]:
    if not isinstance(content, list) or len(content) != 2:
        raise SessionError(f"'{name}' must be a list of pairs of strings")
    return values.text(content[0], name), values.text(content[1], name)


def _pane(content: object) -> KeptPane:
    facts = values.mapping(content, "panes")
    try:
        view = View.from_facts(values.mapping(facts.get("view"), "view"))
    except ValueError as error:
        raise SessionError(f"'view': {error}") from error
    return KeptPane(view, values.flag(facts.get("bare", False), "bare"))


def _question(content: object) -> Question:
    try:
        return question_of(content)
    except ModelError as error:
        raise SessionError(str(error)) from error


def _note(content: object) -> Note:
    facts = values.mapping(content, "notes")
    text, part = values.text(facts.get("text"), "text"), facts.get("part")
    if len(text) > MOST_LETTERS:
        raise SessionError(f"a note has more than {MOST_LETTERS:,} letters")
    return Note(text, Region(*values.numbers(part, 4, "part")) if part is not None else None)


def _levels(content: object) -> Levels:
    if not isinstance(content, list) or len(content) != 3:
        raise SessionError("'levels' must be a mode and two numbers")
    mode = LevelsMode(values.among(content[0], tuple(LevelsMode), "levels"))
    return Levels(mode, *values.numbers(content[1:], 2, "levels"))


def _sight(content: object) -> Sight:
    zoom, x, y = values.numbers(content, 3, "sight")
    if zoom <= 0.0:
        raise SessionError("'sight' must begin with a zoom above 0")
    return zoom, x, y


def _run(content: object) -> Run:
    facts = values.mapping(content, "run")
    put_off, unsaved = (
        values.flag(facts.get(name, False), name) for name in ("put_off", "unsaved")
    )
    file = values.text(facts.get("file", ""), "file")
    if not can_be_named(file):
        raise SessionError("'file' must be the name of a file")
    return Run(put_off, file, unsaved)


def _display(facts: dict[str, Any]) -> DisplaySettings:
    usual = DisplaySettings()
    end = facts.get("end")
    texts: dict[str, tuple[str, ...]] = {
        "interpolation": get_args(Interpolation),
        "sign": get_args(Sign),
        "backdrop": get_args(Backdrop),
    }
    chosen = {
        name: values.among(facts.get(name, getattr(usual, name)), known, name)
        for name, known in texts.items()
    }
    levels = facts.get("contours", [])
    count = len(levels) if isinstance(levels, list) else 0
    return replace(
        usual,
        opacity=values.number(facts.get("opacity", usual.opacity), "opacity"),
        colormap=values.text(facts.get("colormap", usual.colormap), "colormap"),
        gamma=values.number(facts.get("gamma", usual.gamma), "gamma"),
        end=None if end is None else values.number(end, "end"),
        fade=values.flag(facts.get("fade", usual.fade), "fade"),
        contours=values.numbers(levels, count, "contours"),
        **cast(Any, chosen),
    )
