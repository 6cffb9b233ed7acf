"""The command-line parser and its dispatch: the same engine, without a window.

Exit codes are listed in cli.entry.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cli import explaining, listing
from cli.arguments import (
    Parser,
    add_exact,
    add_image,
    add_json,
    add_method,
    add_model,
    add_patient,
)
from cli.asking import add_question
from cli.entry import check_names, guarded
from cli.looking import add_look
from engine.lazy.pytorch import check_limit
from engine.process.faults import clear_up
from engine.version import NAME, VERSION


def main(arguments: Sequence[str]) -> int:
    """Run one of entry.COMMANDS; the first argument names it. Returns the exit code."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_names(vars(options).values())
    check_limit()
    clear_up()
    work: Callable[[argparse.Namespace], None] = options.work
    work(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=NAME.lower(),
        description="Shows where an image classifier looked.",
        epilog="Without a command, opens the window with the given FILES (images, folders, "
        "models); --model, --weights, --arch, --arg, --classes, --input, --output, --trust "
        "and the options for preprocessing apply to it as well (see 'explain --help'). "
        "self-test [--json FILE|-]: start the window, use it and check the result.",
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    explain = commands.add_parser("explain", help="compute the heat map of one layer for one class")
    add_image(explain)
    add_model(explain)
    explain.add_argument(
        "--layer", help="layer name, or NAME#k for its call k (default: the model's default layer)"
    )
    add_question(explain)
    explain.add_argument(
        "--expected",
        metavar="CLASS",
        help="compare the predicted class with this one, 'folder' for the one that the image's "
        "folder is called by: three maps, the third of their contrast",
    )
    add_method(explain)
    add_exact(explain)
    explain.add_argument("--out", type=Path, help="write the overlay as .png or .jpg")
    explain.add_argument(
        "--caption",
        action="store_true",
        help="add a caption and the colour bar below the overlay",
    )
    add_look(explain)
    explain.add_argument("--map", type=Path, help="write the signed map as .npy")
    add_json(explain)
    add_patient(explain)
    explain.set_defaults(work=explaining.explain)

    layers = commands.add_parser("layers", help="list the layers of a model")
    add_model(layers)
    add_json(layers)
    layers.set_defaults(work=listing.layers)

    methods = commands.add_parser("methods", help="list the attribution methods")
    add_json(methods)
    methods.set_defaults(work=listing.methods)

    questions = commands.add_parser("questions", help="list the questions that a map answers")
    add_json(questions)
    questions.set_defaults(work=listing.questions)

    presets = commands.add_parser("presets", help="list the presets for preprocessing")
    add_json(presets)
    presets.set_defaults(work=listing.presets)

    models = commands.add_parser(
        "models", help="list torchvision's classifiers and which of them are downloaded"
    )
    add_json(models)
    models.set_defaults(work=listing.models)

    download = commands.add_parser("download", help="download the weights of a classifier")
    download.add_argument("name", help="as listed by 'models'")
    download.add_argument("entry", nargs="?", help="which weights (default: the best)")
    download.set_defaults(work=listing.download)

    sweep = commands.add_parser("sweep", help="compute the maps of all layers for one class")
    add_image(sweep)
    sweep.set_defaults(patient=False)
    add_model(sweep)
    add_question(sweep)
    add_method(sweep)
    add_exact(sweep)
    sweep.add_argument("--out", type=Path, default=Path("maps.npz"), help="(default: maps.npz)")
    sweep.set_defaults(work=explaining.sweep)
    return parser
