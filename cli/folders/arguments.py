"""The arguments of the commands for folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli.arguments import add_exact, add_json, add_method, add_model
from cli.folders import grouping, reports
from cli.folders.batch import batch

if TYPE_CHECKING:
    from cli.arguments import Parser


_DIGITS = 16
# Processes of 60 MB and more each; and images that are kept in memory, and lost when it is stopped.
_MOST_WORKERS, _MOST_TOGETHER = 256, 4_096


def add_folders(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands batch, clusters and summary."""
    _add_batch(commands)
    summary = commands.add_parser("summary", help="sum up a folder that batch has explained")
    _add_index(summary)
    add_json(summary)
    summary.set_defaults(work=reports.summary)
    clusters = commands.add_parser(
        "clusters", help="group the images of a folder by what the network looked at"
    )
    _add_index(clusters)
    clusters.add_argument(
        "--class", dest="target", metavar="C", help="of this predicted class alone"
    )
    clusters.add_argument(
        "--hide",
        action="store_true",
        help="hide each cluster's region in its images, and count the predictions that turn",
    )
    add_model(clusters)
    add_json(clusters)
    clusters.set_defaults(work=grouping.clusters)


def _add_batch(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "batch",
        help="explain all images of folders into an index that can be stopped and resumed",
        description="Explains every image of the paths with one layer and method, and writes "
        "index.sqlite, table.csv and index.html to --out. The same command resumes what was "
        "stopped; only new and changed images are computed.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATHS",
        help="images, folders, tables (.csv with a path and perhaps a label in each row) and lists "
        "(.txt); the model may come last, or is named by --model",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--labels",
        metavar="folder|FILE",
        help="the right classes: 'folder' for the names of the folders inside a path, a table "
        "(.csv) of paths and labels, or a .json mapping from the names of folders to classes "
        "(default: the labels of a table among the paths)",
    )
    add_model(parser)
    parser.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="NAME",
        help="layer name, or NAME#k for its call k (default: the model's default layer)",
    )
    parser.add_argument(
        "--class",
        dest="target",
        default="top",
        metavar="top|label|C",
        help="explain the predicted class, that of the label, or one class for all (default: top)",
    )
    add_method(parser)
    add_exact(parser)
    parser.add_argument(
        "--overlays", action="store_true", help="write each image with its heat map, too"
    )
    parser.add_argument("--maps", action="store_true", help="write each map as .npy, too")
    parser.add_argument("--limit", type=_count, metavar="N", help="the first N images alone")
    parser.add_argument(
        "--workers",
        type=lambda text: _count(text, _MOST_WORKERS),
        metavar="N",
        help="processes that read images (default: as many as there are cores)",
    )
    parser.add_argument(
        "--batch",
        dest="size",
        type=lambda text: _count(text, _MOST_TOGETHER),
        metavar="N",
        help="images read and computed together at most (default: as many as pay); a CPU takes "
        "them in passes of up to 4",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on the workers of this Dask scheduler, as in tcp://10.0.0.5:8786",
    )
    add_json(parser)
    parser.set_defaults(work=batch)


def _add_index(parser: Parser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of batch")


def _count(text: str, most: int | None = None) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text[:40]} is not a number from 1 on")
    if most is not None and int(text) > most:
        raise argparse.ArgumentTypeError(f"{text} is too many; at most {most:,}")
    return int(text)
