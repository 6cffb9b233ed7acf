"""The command-line options that say how a map is drawn."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from engine.records.display import Backdrop, DisplaySettings, Interpolation, Sign
from engine.render.colormaps import COLORMAPS
from engine.render.looks import LOOKS, contour_levels, with_look

if TYPE_CHECKING:
    from engine.records.explanations import Explanation

_GAMMA = (0.2, 5.0)


def add_look(parser: argparse.ArgumentParser) -> None:
    """Add the options for drawing; they change nothing in the map."""
    parser.set_defaults(end=None)
    group = parser.add_argument_group("display")
    group.add_argument(
        "--look",
        choices=[look.slug for look in LOOKS],
        help="settings that go together; the other options change parts of it (default: fading)",
    )
    group.add_argument("--colormap", choices=COLORMAPS, help="(default: inferno)")
    group.add_argument(
        "--opacity", type=_percent, metavar="PERCENT", help="of the strongest value, 0 to 100"
    )
    group.add_argument(
        "--fade",
        action=argparse.BooleanOptionalAction,
        help="let the opacity follow the value; without it, it is the same everywhere",
    )
    group.add_argument("--gamma", type=_gamma, help="exponent of the value, 0.2 to 5")
    group.add_argument(
        "--sign",
        choices=get_args(Sign),
        help="which values are shown (default: positive; for a contrast both, as signed)",
    )
    group.add_argument("--cells", choices=get_args(Interpolation), help="(default: smooth)")
    group.add_argument(
        "--picture",
        choices=get_args(Backdrop),
        help="what is under the map: the image in colour or in grey, or its edges",
    )
    group.add_argument(
        "--contours",
        type=_levels,
        metavar="LEVELS",
        help="lines of equal value at these percentages of the scale's end, as in 25,50,75",
    )


def settings_of(options: argparse.Namespace, explanation: Explanation) -> DisplaySettings:
    """How a map is drawn: with both signs where each speaks for one of two classes."""
    from engine.methods.modifiers import is_signed

    both = explanation.against is not None and is_signed(explanation)
    return display_of(options, "signed" if both else "positive")


def display_of(options: argparse.Namespace, sign: Sign = "positive") -> DisplaySettings:
    """How maps are drawn. sign: where none is named."""
    settings = DisplaySettings()
    if options.look is not None:
        settings = with_look(settings, options.look)
    given: dict[str, Any] = {
        "colormap": options.colormap,
        "opacity": options.opacity,
        "fade": options.fade,
        "gamma": options.gamma,
        "sign": options.sign or sign,
        "interpolation": options.cells,
        "backdrop": options.picture,
        "contours": options.contours,
        "end": options.end,
    }
    return replace(settings, **{name: to for name, to in given.items() if to is not None})


def _levels(text: str) -> tuple[float, ...]:
    try:
        return contour_levels(text)
    except ValueError as error:
        # argparse keeps the reason of this type of error only.
        raise argparse.ArgumentTypeError(str(error)) from error


def _percent(text: str) -> float:
    value = float(text.removesuffix("%"))
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100")
    return value / 100


def _gamma(text: str) -> float:
    value = float(text)
    if math.isnan(value) or not _GAMMA[0] <= value <= _GAMMA[1]:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.2 and 5")
    return value
