"""Converts model profiles to and from plain JSON values; reading checks every value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from engine.errors import MethodError, ModelError
from engine.images.presets import validate
from engine.methods.registry import Chosen, choose
from engine.profiles.asked import question_content, question_of
from engine.records.asked import CLASS, Question
from engine.records.images import Channels, Preprocessing
from engine.records.levels import AUTO, Levels, LevelsMode
from engine.records.models import Layout, OutputForm, Scores
from engine.version import NAME

VERSION = 1
"""Version of the format; a file of a later version is rejected."""

_KIND = "hookscope model profile"
_MAX_CLASSES = 200_000
_MAX_LAYERS = 100_000
_MAX_OPTIONS = 100

_NO_LAYOUTS: Mapping[str, Layout] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """The saved settings of a model; None and empty values are unset.

    preprocessing_origin: where it comes from ('set by you', 'torchvision metadata').
    layouts: layer name -> the layout chosen for its output.
    weights: the weights file chosen for a Python file.
    architecture, arguments: how to build the network, as in sources.ModelSource.
    title: the model's name, for readers of the file.
    method: the attribution method used if none is named.
    question: the one that the window asks first; elsewhere, questions are asked by name.
    arithmetic: as in ModelInfo, for readers of the file.
    """

    preprocessing: Preprocessing | None = None
    preprocessing_origin: str = ""
    output: OutputForm | None = None
    classes: tuple[str, ...] = ()
    classes_origin: str = ""
    layouts: Mapping[str, Layout] = field(default_factory=lambda: _NO_LAYOUTS)
    weights: str = ""
    architecture: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    title: str = ""
    method: Chosen | None = None
    question: Question = CLASS
    arithmetic: str = ""


def content_of(profile: ModelProfile, sha256: str = "") -> dict[str, Any]:
    """The profile as JSON values. sha256: of its weights, for readers of the file."""
    content: dict[str, Any] = {"kind": _KIND, "version": VERSION}
    facts = {
        "title": profile.title,
        "weights_sha256": sha256,
        "weights": profile.weights,
        "architecture": profile.architecture,
        "arguments": [list(pair) for pair in profile.arguments],
        "preprocessing": _preprocessing_content(profile.preprocessing),
        "preprocessing_origin": profile.preprocessing_origin,
        "output": _output_content(profile.output),
        "layouts": {name: layout.value for name, layout in profile.layouts.items()},
        "method": _method_content(profile.method),
        "question": question_content(profile.question),
        "arithmetic": profile.arithmetic,
        "classes_origin": profile.classes_origin,
        "classes": list(profile.classes),
    }
    return content | {name: value for name, value in facts.items() if value}


def _preprocessing_content(how: Preprocessing | None) -> dict[str, Any] | None:
    if how is None:
        return None
    levels = how.levels
    content: dict[str, Any] = {
        "resize": list(how.resize) if isinstance(how.resize, tuple) else how.resize,
        "letterbox": how.letterbox,
        "crop": list(how.crop),
        "interpolation": how.interpolation,
        "antialias": how.antialias,
        "channels": how.channels.value,
        "range": list(how.range),
        "mean": list(how.mean),
        "std": list(how.std),
    }
    if levels != AUTO:
        content["levels"] = {"mode": levels.mode.value, "ends": [levels.low, levels.high]}
    return content


def _output_content(form: OutputForm | None) -> dict[str, Any] | None:
    if form is None:
        return None
    return {"place": form.place, "scores": form.scores.name.lower(), "ends_in": form.ends_in}


def profile_of(content: object) -> ModelProfile:
    """The profile from parsed JSON. Raises ModelError for the first error found."""
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise ModelError(f"not a model profile; open one that {NAME} exported")
    version = content.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelError("'version' must be a positive whole number")
    if version > VERSION:
        raise ModelError(f"written by a newer {NAME} (format version {version}); update {NAME}")
    preprocessing, output = content.get("preprocessing"), content.get("output")
    layouts = _dict(content, "layouts", _MAX_LAYERS)
    return ModelProfile(
        preprocessing=None if preprocessing is None else _preprocessing(preprocessing),
        preprocessing_origin=_text(content, "preprocessing_origin"),
        output=None if output is None else _output(output),
        classes=_texts(content, "classes", _MAX_CLASSES),
        classes_origin=_text(content, "classes_origin"),
        layouts={name: _layout(name, value) for name, value in layouts.items()},
        weights=_text(content, "weights"),
        architecture=_text(content, "architecture"),
        arguments=_arguments(content.get("arguments", [])),
        title=_text(content, "title"),
        method=_method(content["method"]) if "method" in content else None,
        question=question_of(content.get("question")),
        arithmetic=_text(content, "arithmetic"),
    )


def _method_content(how: Chosen | None) -> dict[str, Any] | None:
    return None if how is None else {"slug": how.method.slug, "options": dict(how.options)}


def _method(content: object) -> Chosen:
    if not isinstance(content, dict):
        raise ModelError("'method' must be an object")
    options = _dict(content, "options", _MAX_OPTIONS)
    try:
        return choose(_text(content, "slug"), options)
    except MethodError as error:
        raise ModelError(f"'method': {error}") from error


def _preprocessing(content: object) -> Preprocessing:
    if not isinstance(content, dict):
        raise ModelError("'preprocessing' must be an object")
    resize = content.get("resize")
    low, high = _numbers(content, "range", 2, [0.0, 1.0])
    try:
        channels = Channels(content.get("channels", "RGB"))
    except ValueError:
        raise ModelError("'channels' must be RGB, BGR or grey") from None
    how = Preprocessing(
        resize=_pair(content, "resize") if isinstance(resize, list) else _side(resize),
        crop=_pair(content, "crop"),
        mean=_numbers(content, "mean"),
        std=_numbers(content, "std"),
        interpolation=_text(content, "interpolation", "bilinear"),
        antialias=_flag(content, "antialias", True),
        letterbox=_flag(content, "letterbox", False),
        channels=channels,
        range=(low, high),
        levels=_levels(content["levels"]) if "levels" in content else AUTO,
    )
    validate(how)
    return how


def _levels(content: object) -> Levels:
    if not isinstance(content, dict):
        raise ModelError("'levels' must be an object")
    try:
        mode = LevelsMode(str(content.get("mode")))
    except ValueError:
        raise ModelError(f"'mode' of levels must be one of {', '.join(LevelsMode)}") from None
    return Levels(mode, *_numbers(content, "ends", 2, [0.0, 0.0]))


def _output(content: object) -> OutputForm:
    if not isinstance(content, dict):
        raise ModelError("'output' must be an object")
    scores = {kind.name.lower(): kind for kind in Scores}.get(str(content.get("scores")))
    if scores is None:
        raise ModelError("'scores' must be classes, labels, sides or values")
    return OutputForm(_text(content, "place"), scores, _text(content, "ends_in"))


def _layout(name: str, value: object) -> Layout:
    try:
        return Layout(str(value))
    except ValueError:
        raise ModelError(f"'{name[:80]}' has an unknown layout: {value!r:.40}") from None


def _arguments(content: object) -> tuple[tuple[str, str], ...]:
    pairs: list[Any] = content if isinstance(content, list) else [None]
    if not all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(x, str) for x in p) for p in pairs
    ):
        raise ModelError("'arguments' must be a list of pairs of strings")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _text(content: Mapping[str, object], key: str, default: str = "") -> str:
    value = content.get(key, default)
    if not isinstance(value, str):
        raise ModelError(f"'{key}' must be a string")
    return value


def _texts(content: Mapping[str, object], key: str, most: int) -> tuple[str, ...]:
    value = content.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ModelError(f"'{key}' must be a list of strings")
    if len(value) > most:
        raise ModelError(f"'{key}' has more than {most:,} entries")
    return tuple(value)


def _dict(content: Mapping[str, object], key: str, most: int) -> dict[str, object]:
    value = content.get(key, {})
    if not isinstance(value, dict) or len(value) > most:
        raise ModelError(f"'{key}' must be an object with at most {most:,} entries")
    return value


def _flag(content: Mapping[str, object], key: str, default: bool) -> bool:
    value = content.get(key, default)
    if not isinstance(value, bool):
        raise ModelError(f"'{key}' must be true or false")
    return value


def _side(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ModelError("a size must be a whole number of pixels")
    return value


def _pair(content: Mapping[str, object], key: str) -> tuple[int, int]:
    value = content.get(key)
    if not isinstance(value, list) or len(value) != 2:
        raise ModelError(f"'{key}' must be a height and a width")
    height, width = _side(value[0]), _side(value[1])
    if height is None or width is None:
        raise ModelError(f"'{key}' must be a height and a width")
    return height, width


def _numbers(
    content: Mapping[str, object], key: str, count: int | None = None, default: object = None
) -> tuple[float, ...]:
    value = content.get(key, default)
    if not isinstance(value, list) or (count is not None and len(value) != count):
        raise ModelError(f"'{key}' must be a list of {'' if count is None else count} numbers")
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        raise ModelError(f"'{key}' must contain only numbers")
    if not all(abs(n) < 1e9 for n in value):  # neither is NaN
        raise ModelError(f"'{key}' contains a number out of range")
    return tuple(float(n) for n in value)
