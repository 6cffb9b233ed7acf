"""The options that say how an image is preprocessed, and the warning if that is only assumed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.entry import tell
from engine.errors import OptionError
from engine.images import choices, presets
from engine.records.images import Preprocessing
from engine.records.models import Origin

if TYPE_CHECKING:
    from engine.records.models import ModelInfo

_SIZE = "N|HxW|none"
_HELP = {
    "preset": ("NAME", "mean, standard deviation, range and channel order of a preset: {presets}"),
    "mean": ("R,G,B", "mean of each channel, in the network's channel order; one number for all"),
    "std": ("R,G,B", "standard deviation of each channel, or one number for all"),
    "range": ("LOW,HIGH", "values of black and white before normalising, as in 0,255"),
    "channels": ("ORDER", "rgb, bgr or grey"),
    "resize": (_SIZE, "resize the shorter side, or to height x width; before the crop"),
    "crop": (_SIZE, "centre crop, the network's input size; none: resize the whole image to it"),
}

# Taken for an option by argparse, although it is the value of one: -1,1 or -1..1.
_NEGATIVE = re.compile(r"-[0-9.][-+0-9.,eE]*")


# Options beside those of the preprocessing whose values may begin with a minus sign.
_OTHERS = ("--hide",)


def add_preprocessing(
    parser: argparse.ArgumentParser, spelled: Mapping[str, str] | None = None
) -> None:
    """Add an option for each part of the preprocessing, and one for a profile.

    spelled: the options of parts by other names, where their own mean something else.
    """
    spelled = spelled or {}
    known = ", ".join(map(presets.slug, presets.PRESETS))
    group = parser.add_argument_group(
        "preprocessing", "What is not set comes from the model's profile or files, or is assumed."
    )
    for name in choices.NAMES:
        metavar, text = _HELP[name]
        group.add_argument(
            f"--{spelled.get(name, name)}",
            dest=name,
            metavar=metavar,
            help=text.format(presets=known),
        )
    group.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="model profile exported from the window; used in place of the saved one",
    )


def joined(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a value that begins with a minus sign attached to its option."""
    names = {*(f"--{name}" for name in choices.NAMES), *_OTHERS}
    whole: list[str] = []
    for argument in arguments:
        if whole and whole[-1] in names and _NEGATIVE.fullmatch(argument):
            whole[-1] += f"={argument}"
        else:
            whole.append(argument)
    return whole


def chosen(options: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """The options that were given, as in ModelSource. Raises OptionError if one is invalid."""
    given = [(name, getattr(options, name)) for name in choices.NAMES]
    pairs = tuple((name, str(text)) for name, text in given if text is not None)
    choices.parse(pairs)
    return pairs


def require_no_preprocessing(options: argparse.Namespace) -> None:
    """Reject options that no model is named for, which would have no effect. Raises OptionError."""
    for name in (*choices.NAMES, "profile"):
        if getattr(options, name) is not None:
            raise OptionError(f"--{name} says how a model is used; name the model with --model")


def warn(info: ModelInfo) -> None:
    """Print the notices about an opened model, and how to set preprocessing that is assumed."""
    for notice in info.notices:
        tell(f"warning: {notice}")
    if info.preprocessing_from is Origin.ASSUMED:
        names = ", ".join(f"--{name}" for name in choices.NAMES)
        tell(
            "warning: with assumed preprocessing, predictions and maps may be wrong; set it with "
            f"{names} or --profile ('presets' lists the presets)"
        )


def preset_facts() -> list[dict[str, object]]:
    """The presets for JSON, for a network with an input of 224 x 224."""
    return [
        {
            "name": presets.slug(name),
            "title": name,
            "resize": how.resize,
            "crop": list(how.crop),
            "channels": how.channels.value,
            "range": list(how.range),
            "mean": list(how.mean),
            "std": list(how.std),
            "interpolation": how.interpolation,
        }
        for name, how in presets.PRESETS.items()
    ]


def preset_cells(name: str, how: Preprocessing) -> tuple[str, ...]:
    """A line of the list of presets: its options, so that each can be given by itself."""
    return (
        presets.slug(name),
        f"--mean {_joined(how.mean)}",
        f"--std {_joined(how.std)}",
        f"--range {_joined(how.range)}",
        f"--channels {how.channels.value.lower()}",
    )


def _joined(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:.10g}" for number in numbers)
