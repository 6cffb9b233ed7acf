"""One run of the command, and what it has computed so far."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.progress import Report

if TYPE_CHECKING:
    from engine.comparing.sheet import Shown
    from engine.records.figures import FigureForm
    from engine.records.images import LoadedImage


@dataclass(slots=True, eq=False)
class Panes:
    """What has been computed, by its place in the product of all that is named. absent: the layers
    that were left out, as Named has them."""

    shown: dict[int, Shown] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    absent: set[tuple[int, str | None]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Run:
    """One run of the command. first: the image that is open already."""

    options: argparse.Namespace
    form: FigureForm
    first: LoadedImage
    images: tuple[Path | None, ...]
    sources: tuple[argparse.Namespace, ...]
    report: Report
    panes: Panes = field(default_factory=Panes)
