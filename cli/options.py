"""The command-line options that say which model to open, and how."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from cli.preprocessing import add_preprocessing, chosen
from engine.errors import ModelError
from engine.files import presence
from engine.records.sources import ModelSource


def add_source(parser: argparse.ArgumentParser, spelled: Mapping[str, str] | None = None) -> None:
    """Add the options that supply what a model file does not say; the window takes them too.

    spelled: as in add_preprocessing.
    """
    parser.add_argument(
        "--weights", type=Path, help="weights file for a torchvision name or a Python file"
    )
    parser.add_argument(
        "--arch", help="architecture of a weights file, or class name in a Python file"
    )
    parser.add_argument(
        "--weights-key",
        metavar="NAME",
        help="which network of a weights file that holds several, as in state_dict_ema",
    )
    parser.add_argument(
        "--arg",
        dest="arguments",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="argument for the network's class; repeatable",
    )
    parser.add_argument("--classes", type=Path, help="file with class names: .txt, .csv or .json")
    parser.add_argument("--input", help="expected input, as in 3x256x256, if it is not detected")
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="which of the network's outputs to explain, by name or position (default: the widest)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="allow the files named here to run the code they contain",
    )
    add_preprocessing(parser, spelled)


def source_of(options: argparse.Namespace) -> ModelSource:
    """The model that the options name. Raises ModelError for an invalid value."""
    arguments = []
    for text in options.arguments:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise ModelError(f"--arg {text}: write it as NAME=VALUE, as in --arg channels=3")
        arguments.append((name, value))
    return ModelSource(
        _usual(options) if options.model is None else _lasting(options.model),
        None if options.weights is None else str(options.weights.absolute()),
        options.arch,
        tuple(arguments),
        None if options.classes is None else str(options.classes.absolute()),
        options.input,
        options.weights_key,
        preprocessing=chosen(options),
        profile=None if options.profile is None else str(options.profile.absolute()),
        output=options.output,
    )


def _usual(options: argparse.Namespace) -> str:
    """The demo that knows the image of the command: what is drawn, or photographs."""
    from engine.formats.demo import PHOTOS, SCENES

    image: Path | None = getattr(options, "image", None)
    if image is None or image.absolute() in {scene.path for scene in SCENES}:
        return "demo:shapes"
    return PHOTOS


def _lasting(spec: str) -> str:
    """The spec in a form that can be opened later from any folder: a file by its absolute path."""
    path = Path(spec)
    is_file = presence.exists(path) and (path.suffix != "" or len(path.parts) > 1)
    return str(path.absolute()) if is_file else spec


def trusted_files(options: argparse.Namespace) -> tuple[Path, ...]:
    """The files that --trust covers: those named on the same command line, and no others; not
    what a file that is named there names in turn."""
    if not options.trust:
        return ()
    names = getattr(options, "typed", (options.model, options.weights))
    return tuple(Path(name) for name in names if name is not None)
