"""The options that say how a figure looks."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.looking import add_look
from cli.output import check_suffix
from engine.records.figures import PAPERS, FigureForm

SUFFIXES = (".png", ".pdf", ".svg")
_SCALES = ("shared", "each")


def add_figure(parser: argparse.ArgumentParser) -> None:
    """Add a group with an option for each part of a figure's form, and that of the display."""
    group = parser.add_argument_group(
        "figure",
        "Pictures are at least 160 pixels wide; .pdf and .svg have words and bar as vectors.",
    )
    group.add_argument(
        "--width",
        type=float,
        metavar="MM",
        help="width in millimetres (default: 85 for one picture, 180 for several, or what their "
        "columns need)",
    )
    group.add_argument("--dpi", type=int, default=300, help="pixels to the inch (default: 300)")
    group.add_argument(
        "--paper", choices=PAPERS, default="light", help="what is behind it (default: light)"
    )
    group.add_argument("--no-caption", action="store_true", help="leave out the words below")
    group.add_argument(
        "--beside", action="store_true", help="put the bare image before the maps of it"
    )
    group.add_argument(
        "--outline", action="store_true", help="outline the region that the network saw"
    )
    group.add_argument("--region-only", action="store_true", help="crop to that region")
    group.add_argument("--columns", type=int, metavar="N", help="pictures in a row")
    group.add_argument(
        "--scale",
        choices=_SCALES,
        help="one colour scale for all maps, or one for each of them",
    )
    add_look(parser)


def form_of(options: argparse.Namespace, *, shared: bool = True) -> FigureForm:
    """The form that the options describe. shared: the scale where none is named.

    Raises ExportError for a form that there is not.
    """
    form = FigureForm(
        width=options.width,
        dpi=options.dpi,
        paper=options.paper,
        caption=not options.no_caption,
        beside=options.beside,
        outline=options.outline,
        crop=options.region_only,
        columns=options.columns,
        shared=shared if options.scale is None else options.scale == "shared",
    )
    form.check()
    return form


def check_figure(path: Path | None, option: str) -> None:
    """Reject a file that is no figure before the work starts."""
    check_suffix(path, SUFFIXES, option)
