"""The options of the command line that say which model to open, and how."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.errors import ModelError
from engine.files import presence
from engine.records.sources import ModelSource


def add_source(parser: argparse.ArgumentParser) -> None:
    """The options that answer what a model leaves open; the window takes them too."""
    parser.add_argument("--weights", type=Path, help="weights file for a name or a Python file")
    parser.add_argument("--arch", help="architecture of a weights file, or the network's class")
    parser.add_argument(
        "--arg",
        dest="arguments",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the network's class; may be repeated",
    )
    parser.add_argument("--classes", type=Path, help="class names: .txt, .csv or .json")
    parser.add_argument("--input", help="expected input, as 3x256x256, where it is not detected")
    parser.add_argument(
        "--trust",
        action="store_true",
        help="let the files named here run the code they contain",
    )


def source_of(options: argparse.Namespace) -> ModelSource:
    """The model that the options name. Raises ModelError for an argument that is not NAME=VALUE."""
    arguments = []
    for text in options.arguments:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise ModelError(f"--arg {text}: write it as NAME=VALUE, as in --arg channels=3")
        arguments.append((name, value))
    return ModelSource(
        _lasting(options.model),
        None if options.weights is None else str(options.weights.absolute()),
        options.arch,
        tuple(arguments),
        None if options.classes is None else str(options.classes.absolute()),
        options.input,
    )


def _lasting(spec: str) -> str:
    """The spec as it can be opened from anywhere later on: a file by its whole path."""
    path = Path(spec)
    is_file = presence.exists(path) and (path.suffix != "" or len(path.parts) > 1)
    return str(path.absolute()) if is_file else spec


def trusted_files(options: argparse.Namespace) -> tuple[Path, ...]:
    """The files that --trust covers: those that are named beside it, and no others."""
    if not options.trust:
        return ()
    return tuple(Path(name) for name in (options.model, options.weights) if name is not None)
