"""The command-line parser and its dispatch: the same engine, without a window.

Exit codes are listed in cli.entry.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cli import channelling, explaining, listing
from cli.arguments import (
    Parser,
    add_exact,
    add_image,
    add_json,
    add_method,
    add_method_options,
    add_model,
    add_patient,
    add_reading,
    add_several,
)
from cli.asking import add_asked, add_question
from cli.comparing.compare import compare as comparing
from cli.entry import check_names, guarded
from cli.figures import add_figure
from cli.folders.arguments import add_folders
from cli.looking import add_look
from cli.repeating.like import add_like
from cli.workbench.report import add_report
from cli.workbench.script import add_script
from cli.workbench.trusting import add_trust
from cli.workbench.what_if import add_what_if
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
        "--layer",
        action="append",
        metavar="NAME",
        help="layer name, or NAME#k for its call k (default: the model's default layer); repeat it "
        "to fuse the maps of several, by their mean or as --option fuse=max or fuse=product says",
    )
    add_question(explain)
    explain.add_argument(
        "--expected",
        metavar="CLASS",
        help="compare the predicted class with this one, 'folder' for the one that the image's "
        "folder is called by: three maps, the third of their contrast",
    )
    add_method(explain)
    add_like(explain)
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

    _add_compare(commands)
    _add_channels(commands)
    add_script(commands)
    add_report(commands)
    add_trust(commands)
    add_what_if(commands)
    add_folders(commands)

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
    sweep.add_argument(
        "--out",
        type=Path,
        help="write the maps as .npz (default: maps.npz, without --sheet and --json)",
    )
    sweep.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="write a contact sheet of the layers, first to last, as .png, .pdf or .svg",
    )
    add_json(sweep)
    add_figure(sweep)
    sweep.set_defaults(work=explaining.sweep)
    return parser


def _add_compare(commands: argparse._SubParsersAction[Parser]) -> None:
    compare = commands.add_parser(
        "compare",
        help="put several maps beside each other on one scale",
        description="Maps for all combinations of the images, models, layers, classes and methods "
        "that are named, in rows and columns. Each option below that ends in '...' takes one "
        "value or more.",
    )
    compare.add_argument(
        "images", nargs="*", type=Path, help="image files (default: a built-in scene)"
    )
    add_reading(compare)
    add_model(compare, several=True)
    add_several(
        compare, "--layer", "layers", "L", "layer name (default: the model's default layer)"
    )
    add_several(
        compare, "--class", "targets", "C", "index or label (default: the top class of each image)"
    )
    compare.add_argument(
        "--top", type=int, metavar="K", help="the K classes with the highest scores of each image"
    )
    add_asked(compare)
    add_several(
        compare,
        "--method",
        "methods",
        "S",
        "as listed by 'methods'; 'all' for those that the layer can be had for, 'quick' without "
        "the slow ones (default: the model's saved method, else grad-cam)",
    )
    add_method_options(compare)
    add_exact(compare)
    compare.add_argument(
        "--difference",
        action="store_true",
        help="of two maps: show the first minus the second, with their correlation and the "
        "overlap of their top 20 %%; with --scale each, each is divided by its largest magnitude",
    )
    compare.add_argument("--out", type=Path, help="write the figure as .png, .pdf or .svg")
    add_json(compare)
    add_patient(compare)
    add_figure(compare)
    compare.set_defaults(work=comparing)


def _add_channels(commands: argparse._SubParsersAction[Parser]) -> None:
    channels = commands.add_parser(
        "channels", help="list the channels of a layer by what they add to its Grad-CAM map"
    )
    add_image(channels)
    add_model(channels)
    channels.add_argument(
        "--layer", help="layer name, or NAME#k for its call k (default: the model's default layer)"
    )
    add_question(channels)
    add_exact(channels)
    channels.add_argument(
        "--top", type=int, metavar="K", help="the K channels with the highest values alone"
    )
    channels.add_argument(
        "--by",
        choices=("contribution", "weight", "activation", "gradient"),
        default="contribution",
        help="what they are sorted by (default: contribution)",
    )
    channels.add_argument(
        "--out",
        type=Path,
        help="write a sheet of weight times activation of the channels (of 24, without --top) as "
        ".png, .pdf or .svg",
    )
    add_json(channels)
    add_patient(channels)
    add_figure(channels)
    channels.set_defaults(work=channelling.channels)
