"""What a report is made of, and what was chosen for it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.records.display import DisplaySettings
from engine.records.edits import NO_EDITS, Edits
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Note
from engine.records.models import ModelInfo, Prediction
from engine.records.workbench.trust import TrustFigure

Sheet = Literal["a4", "letter"]
"""The paper that a report is printed on."""


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A map, how it is drawn, and what was found out about how far it can be believed."""

    explanation: Explanation
    settings: DisplaySettings
    trust: tuple[TrustFigure, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An image with what one model says of it.

    image: as it is explained, with its edits done. notes: what a person wrote about it, and about
    parts of it. changed: names of files that are not as they were when it was kept.
    """

    image: LoadedImage
    info: ModelInfo
    predictions: tuple[Prediction, ...]
    maps: tuple[Mapped, ...]
    edits: Edits = NO_EDITS
    notes: tuple[Note, ...] = ()
    changed: tuple[str, ...] = ()

    def change(self, *, patient: bool) -> str:
        """Which files have changed, in a sentence without its end; '' for none. patient: with what
        their names say about one."""
        names = [self.image.named(name, patient) for name in self.changed]
        if not names:
            return ""
        listed = " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
        verb, are = ("has", "it is") if len(names) == 1 else ("have", "they are")
        return (
            f"{listed} {verb} changed since the session was saved; the maps are of what {are} now"
        )


@dataclass(frozen=True, slots=True)
class Included:
    """What a report has besides images, predictions and maps. patient: what a DICOM file says about
    whom and when it shows."""

    settings: bool = True
    edits: bool = True
    trust: bool = True
    notes: bool = True
    versions: bool = True
    patient: bool = False


@dataclass(frozen=True, slots=True)
class ReportChoice:
    """A report as a person asks for it: HTML or PDF, by the suffix of path. words: their own."""

    path: Path
    words: str
    included: Included
    paper: Sheet
