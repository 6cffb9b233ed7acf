"""The option --like: a map is asked for again, as the JSON of an export says.

What is named on the command line stands above what the file says, and what belongs to a thing that
is named otherwise is left out with it: the weights of another model, the options of another method.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ExportError, one_line
from engine.files import presence, regular
from engine.files.named import NamedFiles
from engine.methods.options import shown
from engine.records import level_words
from engine.records.display import DisplaySettings
from engine.records.edits import NO_EDITS, Edits
from engine.records.levels import AUTO
from engine.records.sources import ModelSource
from engine.records.views import View

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.images import LoadedImage

_LARGEST = 32_000_000
_COMPARED = "contrast"


def add_like(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("again")
    group.add_argument(
        "--like",
        type=Path,
        metavar="FILE",
        help="ask for the map of an earlier --json FILE, or of an export, again: image, model, "
        "layer, class, question, method, options, edits and display; other options stand above it",
    )
    group.add_argument(
        "--pane",
        type=int,
        default=None,
        metavar="N",
        help="which of several maps of that file, from 1",
    )


def take_after(options: argparse.Namespace) -> None:
    """Fill in what the command line leaves open from the file of --like, if there is one.

    Raises ExportError for a file that says of no map how it was asked for.
    """
    options.edits_like = NO_EDITS
    # Consent is for what a person has typed: FILE may be a stranger's.
    options.typed = options.model, options.weights
    if options.like is None:
        if options.pane is not None:
            raise ExportError("--pane is of a file that --like names; leave it out, or name a file")
        return
    from engine.edits.reading import located

    content = _read(options.like)
    facts = _pane(options, content)
    try:
        view, source = _view(facts)
        files = NamedFiles.read(options.like, facts.get("files"))
        levels = level_words.parse(str(facts["levels"])) if "levels" in facts else AUTO
        display = _display(content.get("display"))
    except (ValueError, TypeError) as error:
        raise _nothing(options.like, one_line(error)) from error
    if _takes_image(options, view.image, files):
        options.page = view.page if options.page == 1 else options.page
        options.levels = levels if options.levels == AUTO else options.levels
        options.edits_like = located(view.edits, files, ExportError)
    _take_model(options, source, files)
    _take_question(options, view)
    if not options.method:
        options.method = view.method
        given = {text.partition("=")[0].strip() for text in options.option}
        pairs = [pair for pair in view.options if pair[0] not in given]
        options.option = [f"{name}={shown(value)}" for name, value in pairs] + options.option
        if options.layer is None and view.layer is not None:
            options.layer = [view.layer]
    elif options.layer is None and view.layer is not None and _has_layer(options.method):
        options.layer = [view.layer]
    _take_display(options, display)


def edits_of(options: argparse.Namespace) -> Edits:
    """What is done to the image before it is explained."""
    edits: Edits = options.edits_like
    return edits


def as_edited(options: argparse.Namespace, model: Model, image: LoadedImage) -> LoadedImage:
    """The image with these edits done."""
    edits = edits_of(options)
    if not edits.steps:
        return image
    from engine.edits.apply import edited
    from engine.edits.reading import others_in
    from engine.edits.told import with_sources
    from engine.effects.hottest import Hottests

    folder = options.like.parent
    levels = model.preprocessing.levels
    others = others_in(folder, levels=levels, patience=options.patience)
    masks = Hottests(model, exact=options.exact)
    return with_sources(edited(image, edits, masks=masks, others=others), edits, others)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(regular.read(path, ExportError, _LARGEST).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _nothing(path, "it is no JSON") from error
    if not isinstance(content, dict):
        raise _nothing(path, "it holds no object")
    return content


def _nothing(path: Path, why: str) -> ExportError:
    return ExportError(
        f"{path}: says of no map how it was asked for ({why}); name the JSON of an export"
    )


def _pane(options: argparse.Namespace, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts of the view that is meant."""
    path: Path = options.like
    if isinstance(content.get("view"), dict):
        found = [content["view"]]
    elif isinstance(content.get("panes"), list):
        found = [each.get("view") for each in content["panes"] if isinstance(each, dict)]
    else:
        parts = [content.get(name) for name in ("predicted", "expected", _COMPARED)]
        found = [each.get("view") for each in parts if isinstance(each, dict)]
    found = [each for each in found if isinstance(each, dict)]
    if not found:
        raise _nothing(path, "it has no 'view'")
    if options.pane is None and len(found) > 1:
        raise ExportError(f"{path}: has {len(found)} maps; say which with --pane 1 to {len(found)}")
    place = options.pane or 1
    if not 1 <= place <= len(found):
        raise ExportError(f"{path}: has no map {place}; choose --pane from 1 to {len(found)}")
    facts: Mapping[str, Any] = found[place - 1]
    return facts


def _view(facts: Mapping[str, Any]) -> tuple[View, ModelSource]:
    view = View.from_facts(facts)
    return view, ModelSource.from_key(view.model)


def _display(facts: object) -> DisplaySettings:
    """The display of a file; the usual one where it says nothing. Raises ValueError."""
    if not isinstance(facts, dict):
        return DisplaySettings()
    return DisplaySettings.from_facts(facts)


def _takes_image(options: argparse.Namespace, name: str, files: NamedFiles) -> bool:
    """Find the image of a view, unless one is named; whether it is the one that is explained.

    One that had no file, as a pasted one, has to be named.
    """
    # Files of earlier versions note nothing of the images that they name.
    here = files.knows(name) or files.is_silent or Path(name).is_absolute()
    if options.image is not None:
        return not here or files.is_of(name, options.image)
    options.image = files.place(name, _nameable, beyond=_scenes(name))
    if not here and not presence.exists(options.image):
        raise ExportError(
            f"{options.like}: the image '{name}' had no file; name it: explain IMAGE --like FILE"
        )
    return True


def _nameable(text: str) -> ExportError:
    return ExportError(f"{text}; or name an image")


def _scenes(name: str) -> list[Path]:
    """Where this program has a scene of that name; another copy of it had it elsewhere."""
    from engine.formats.demo import SCENES

    own = name.replace("\\", "/").rpartition("/")[2]
    return [scene.path for scene in SCENES if scene.path.name == own]


def _take_model(options: argparse.Namespace, source: ModelSource, files: NamedFiles) -> None:
    """Find the model of a view and what belongs to it, unless another one is named."""
    if options.model is not None and not files.is_of(source.spec, Path(options.model)):
        return
    if options.model is None:
        options.model = _found(source.spec, files)
    given: dict[str, object] = {
        "weights": source.weights,
        "arch": source.architecture,
        "classes": source.classes,
        "input": source.input,
        "weights_key": source.weights_key,
        "profile": source.profile,
        "output": source.output,
        **dict(source.preprocessing),
    }
    for name, value in given.items():
        if value is not None and getattr(options, name) is None:
            is_path = name in ("weights", "classes", "profile")
            setattr(options, name, Path(_found(str(value), files)) if is_path else value)
    if not options.arguments:
        options.arguments = [f"{name}={value}" for name, value in source.arguments]


def _found(name: str, files: NamedFiles) -> str:
    """Where a file of the model is now. What nothing is noted of stays as it is: a name, a folder,
    or a file of an earlier version."""
    if not files.knows(name):
        return name
    return str(files.place(name, lambda text: ExportError(f"{text}; or name a model")))


def _take_question(options: argparse.Namespace, view: View) -> None:
    own = (options.question, options.against, options.unit, options.cell, options.expected)
    if options.target is None and view.target is not None:
        options.target = view.target
    if any(value is not None for value in own):
        return
    question = view.question
    options.question = question.slug
    options.against = question.against
    options.unit = None if question.unit is None else question.unit.address
    options.cell = None if question.cell is None else ",".join(map(str, question.cell))
    if options.score is None and question.score is not None and not options.method:
        options.score = question.score.value


def _has_layer(slug: str) -> bool:
    from engine.methods import registry

    return registry.find(slug).layered


def _take_display(options: argparse.Namespace, display: DisplaySettings) -> None:
    if options.look is not None:
        return
    options.end = display.end
    given = {
        "colormap": display.colormap,
        "opacity": display.opacity,
        "fade": display.fade,
        "gamma": display.gamma,
        "sign": display.sign,
        "cells": display.interpolation,
        "picture": display.backdrop,
        "contours": display.contours,
    }
    for name, value in given.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
