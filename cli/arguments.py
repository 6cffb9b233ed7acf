"""Arguments shared by several commands, and a parser that reports usage errors in one line."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from cli.entry import fail
from cli.options import add_source
from cli.preprocessing import joined
from engine.reader import client
from engine.records import level_words
from engine.records.levels import AUTO


class Parser(argparse.ArgumentParser):
    """Reports usage errors in one line, like every other error of the program."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        return super().parse_known_args(joined(sys.argv[1:] if args is None else args), namespace)

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def add_image(parser: argparse.ArgumentParser) -> None:
    """Add an image, and the model after it, which --model names as well."""
    parser.add_argument(
        "image", nargs="?", type=Path, help="image file (default: a built-in scene)"
    )
    parser.add_argument(
        "model",
        nargs="?",
        # Where it is missing, it must not take the place of what --model says.
        default=argparse.SUPPRESS,
        help="as after --model",
    )
    add_reading(parser)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how an image file is read."""
    parser.add_argument(
        "--page",
        type=_page,
        default=1,
        metavar="N",
        help="page of a TIFF, DICOM, .npy or animated file, from 1",
    )
    parser.add_argument(
        "--levels",
        type=level_words.parse,
        default=AUTO,
        metavar="SPEC",
        help="which values of the image are black and white: "
        f"{level_words.SPEC.replace('%', '%%')} (default: as the model's profile says, else auto)",
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        default="",
        metavar="SLUG",
        help="as listed by 'methods' (default: the model's saved method, else grad-cam)",
    )
    add_method_options(parser)


def add_method_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set an option of the method, or one that most have: augment=yes for the mean over "
        "changed copies of the image, eigen=yes for smoothing; repeatable",
    )


_MODEL = (
    "demo:photos, demo:shapes, demo:shortcut, a torchvision name, or a file (see README: What "
    "opens; default: demo:photos for an image of yours, demo:shapes otherwise)"
)


def add_model(
    parser: argparse.ArgumentParser,
    *,
    several: bool = False,
    spelled: Mapping[str, str] | None = None,
) -> None:
    """several: whether more than one may be named, which are then in a list, 'models'. spelled: as
    in add_preprocessing."""
    if several:
        add_several(parser, "--model", "models", "M", _MODEL)
    else:
        parser.add_argument("--model", help=_MODEL)
    add_source(parser, spelled)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=client.PATIENCE,
        metavar="SECONDS",
        help=f"limit of CPU time for reading a file (default: {client.PATIENCE:g})",
    )


def _page(text: str) -> int:
    page = int(text)
    if page < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a page; the first is 1")
    return page


def add_several(
    parser: argparse.ArgumentParser, option: str, name: str, metavar: str, text: str
) -> None:
    """Add an option that takes one value or more, and may be repeated: a list."""
    parser.add_argument(
        option, dest=name, nargs="+", action="extend", default=[], metavar=metavar, help=text
    )


def add_exact(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exact",
        action="store_true",
        help="compute with the model's own layers alone, never in a faster form of them",
    )


def add_patient(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patient",
        action="store_true",
        help="name the patient and the date of a DICOM file in the JSON and what is printed",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return seconds


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - for stdout")
