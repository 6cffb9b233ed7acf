"""Converts sessions to and from plain JSON values; reading checks the type of every value.

docs/session-file.md describes the format. A value that is missing has its usual value, and one of
an unknown name is ignored: a later program may add some without a new version.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar, cast, get_args

from engine.errors import ModelError, SessionError
from engine.files.presence import can_be_named
from engine.keeping.folders import folder_facts, folder_of
from engine.keeping.left import left_facts, left_of
from engine.keeping.pixels import KeptPixels
from engine.keeping.records import (
    ARRANGEMENTS,
    FILES_OF_SOURCE,
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    Run,
    Sight,
)
from engine.profiles.asked import question_content, question_of
from engine.records.asked import Question
from engine.records.display import Backdrop, DisplaySettings, Interpolation, Sign
from engine.records.images import Note, Region
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.sources import ModelSource
from engine.records.views import View
from engine.version import NAME, VERSION

FORMAT = "hookscope-session"
FORMAT_VERSION = 2
"""Of a file that is written; one of a later version is rejected. In version 1, no session has a
picture of its own."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_IMAGES = 100_000
_MOST_MODELS = 1_000
_MOST_PANES = 100
_MOST_NOTES = 10_000
MOST_LETTERS = 10_000
"""In one note."""

T = TypeVar("T")


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


# --- reading ---------------------------------------------------------------------------------


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
        tuple(map(_image, _list(content, "images", MOST_IMAGES))),
        tuple(map(_model, _list(content, "models", _MOST_MODELS))),
        tuple(map(_pane, _list(content, "panes", _MOST_PANES))),
        _whole(content.get("active", 0), "active"),
        {name: _flag(on, "links") for name, on in _dict(content, "links").items()},
        _among(content.get("arrangement", ARRANGEMENTS[0]), ARRANGEMENTS, "arrangement"),
        _text_or_none(content.get("pinned"), "pinned"),
        _display(_dict(content, "display")),
        _run(content["run"]) if content.get("run") is not None else None,
        folder_of(content["folder"]) if content.get("folder") is not None else None,
    )
    _check(session)
    return session


def _migrated(content: dict[str, Any], version: int) -> dict[str, Any]:
    """What a file of an earlier version says in the words of this one."""
    if version > 1:
        return content
    # The key meant nothing, and whatever it has is not of a picture in the archive.
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
    facts = _mapping(content, "images")
    asked = _dict(facts, "questions")
    return KeptImage(
        _name(facts.get("id"), "id"),
        _text(facts.get("name", ""), "name"),
        _file(facts["file"]) if facts.get("file") is not None else None,
        _text(facts.get("scene", ""), "scene"),
        max(1, _whole(facts.get("page", 1), "page")),
        _levels(facts["levels"]) if facts.get("levels") is not None else AUTO,
        _numbered(facts, "classes"),
        _numbered(facts, "expected"),
        {id: _question(question) for id, question in asked.items()},
        tuple(map(_note, _list(facts, "notes", _MOST_NOTES))),
        facts.get("edits"),
        _sight(facts["sight"]) if facts.get("sight") is not None else None,
        _pixels(facts["pixels"]) if facts.get("pixels") is not None else None,
        {id: left_of(left) for id, left in _dict(facts, "left").items()},
    )


def _pixels(content: object) -> KeptPixels:
    sha256 = _text(content, "pixels")
    if not _SHA256.fullmatch(sha256):
        raise SessionError("'pixels' must be a SHA-256")
    return KeptPixels(sha256=sha256)


def _file(content: object) -> KeptFile:
    facts = _mapping(content, "file")
    path, relative = (_text(facts.get(name, ""), name) for name in ("path", "relative"))
    if not path or not can_be_named(path) or not can_be_named(relative):
        raise SessionError("'path' must be the name of a file")
    return KeptFile(
        path,
        relative,
        _text(facts.get("sha256", ""), "sha256"),
        _whole(facts.get("size", 0), "size"),
        _whole(facts.get("modified", 0), "modified"),
    )


def _model(content: object) -> KeptModel:
    facts = _mapping(content, "models")
    files = _dict(facts, "files")
    profile = facts.get("profile")
    return KeptModel(
        _name(facts.get("id"), "id"),
        _source(_dict(facts, "source")),
        _text(facts.get("title", ""), "title"),
        _text(facts.get("weights_sha256", ""), "weights_sha256"),
        {name: _file(file) for name, file in files.items() if name in FILES_OF_SOURCE},
        _mapping(profile, "profile") if profile is not None else None,
        _flag(facts.get("chosen", True), "chosen"),
    )


def _source(facts: dict[str, Any]) -> ModelSource:
    arguments, chosen = (
        tuple(_pair(pair, name) for pair in _list(facts, name, 1_000))
        for name in ("arguments", "preprocessing")
    )
    names = ("weights", "architecture", "classes", "input", "weights_key", "profile", "output")
    texts = {name: _text_or_none(facts.get(name), name) for name in names}
    spec = _text(facts.get("spec"), "spec")
    if not spec or not all(can_be_named(text) for text in (spec, *texts.values()) if text):
        raise SessionError("'source' names no model")
    return ModelSource(spec, arguments=arguments, preprocessing=chosen, **texts)


def _pair(content: object, name: str) -> tuple[str, str]:
    if not isinstance(content, list) or len(content) != 2:
        raise SessionError(f"'{name}' must be a list of pairs of strings")
    return _text(content[0], name), _text(content[1], name)


def _pane(content: object) -> KeptPane:
    facts = _mapping(content, "panes")
    try:
        view = View.from_facts(_mapping(facts.get("view"), "view"))
    except ValueError as error:
        raise SessionError(f"'view': {error}") from error
    return KeptPane(view, _flag(facts.get("bare", False), "bare"))


def _question(content: object) -> Question:
    try:
        return question_of(content)
    except ModelError as error:
        raise SessionError(str(error)) from error


def _note(content: object) -> Note:
    facts = _mapping(content, "notes")
    text, part = _text(facts.get("text"), "text"), facts.get("part")
    if len(text) > MOST_LETTERS:
        raise SessionError(f"a note has more than {MOST_LETTERS:,} letters")
    return Note(text, Region(*_numbers(part, 4, "part")) if part is not None else None)


def _levels(content: object) -> Levels:
    if not isinstance(content, list) or len(content) != 3:
        raise SessionError("'levels' must be a mode and two numbers")
    mode = LevelsMode(_among(content[0], tuple(LevelsMode), "levels"))
    return Levels(mode, *_numbers(content[1:], 2, "levels"))


def _sight(content: object) -> Sight:
    zoom, x, y = _numbers(content, 3, "sight")
    if zoom <= 0.0:
        raise SessionError("'sight' must begin with a zoom above 0")
    return zoom, x, y


def _run(content: object) -> Run:
    facts = _mapping(content, "run")
    put_off, unsaved = (_flag(facts.get(name, False), name) for name in ("put_off", "unsaved"))
    file = _text(facts.get("file", ""), "file")
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
        name: _among(facts.get(name, getattr(usual, name)), known, name)
        for name, known in texts.items()
    }
    levels = facts.get("contours", [])
    count = len(levels) if isinstance(levels, list) else 0
    return replace(
        usual,
        opacity=_number(facts.get("opacity", usual.opacity), "opacity"),
        colormap=_text(facts.get("colormap", usual.colormap), "colormap"),
        gamma=_number(facts.get("gamma", usual.gamma), "gamma"),
        end=None if end is None else _number(end, "end"),
        fade=_flag(facts.get("fade", usual.fade), "fade"),
        contours=_numbers(levels, count, "contours"),
        **cast(Any, chosen),
    )


# --- values ----------------------------------------------------------------------------------


def _mapping(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SessionError(f"'{name}' must be an object")
    return value


def _dict(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _mapping(facts.get(name, {}), name)


def _list(facts: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = facts.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise SessionError(f"'{name}' must be a list of at most {most:,}")
    return value


def _numbered(facts: Mapping[str, Any], name: str) -> dict[str, int]:
    return {key: _whole(value, name) for key, value in _dict(facts, name).items()}


def _typed(kind: type[T], words: str) -> Callable[[object, str], T]:
    def checked(value: object, name: str) -> T:
        # True is an int as well.
        if type(value) is not kind:
            raise SessionError(f"'{name}' must be {words}")
        return value

    return checked


_text = _typed(str, "a string")
_flag = _typed(bool, "true or false")


def _text_or_none(value: object, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _name(value: object, name: str) -> str:
    text = _text(value, name)
    if not text:
        raise SessionError(f"'{name}' must not be empty")
    return text


def _among(value: object, known: tuple[str, ...], name: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise SessionError(f"'{name}' must be one of {', '.join(known)}")
    return value


def _whole(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise SessionError(f"'{name}' must be a whole number from 0")
    return value


def _number(value: object, name: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(cast(float, value)):
        raise SessionError(f"'{name}' must be a number")
    return float(cast(float, value))


def _numbers(value: object, count: int, name: str) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise SessionError(f"'{name}' must be a list of {count} numbers")
    return tuple(_number(number, name) for number in value)
