"""Whom the sources of edits show, so that what is written of edits leaves their patients out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.edits.apply import Others, with_subject
from engine.errors import Cancelled, HookscopeError
from engine.files import regular, suffixes
from engine.records.edits import Edits, Paste
from engine.records.images import LoadedImage, Subject

_DICOM = (b"DICM", 128)
_SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})


def with_sources(image: LoadedImage, edits: Edits, others: Others) -> LoadedImage:
    """The image as one that is of the patients of all that the edits paste from, also where an edit
    is switched off. Only what may be a DICOM file is read, and of one that cannot be read the whole
    name counts as personal.

    others: as for edited. Raises Cancelled.
    """
    sources = {(step.source, step.page): None for step in edits.steps if isinstance(step, Paste)}
    for source, page in sources:
        if _may_be_dicom(source):
            image = with_subject(image, _subject_of(source, page, others))
    return image


@dataclass(frozen=True, slots=True)
class Told:
    """Edits that name no patient. names: for each source that is written in another way, by how it
    is written, what it is."""

    edits: Edits
    names: Mapping[str, str]


def told(edits: Edits, image: LoadedImage) -> Told:
    """The edits without what the paths of their sources say of the patients of an image. Two files
    that would be written alike are numbered.

    image: as of with_sources.
    """
    names: dict[str, str] = {}
    written: dict[str, str] = {}
    for step in edits.steps:
        if not isinstance(step, Paste) or step.source in written:
            continue
        masked = short = image.named(step.source, subject=False)
        number = 2
        while names.get(short, step.source) != step.source:
            path = Path(masked)
            short = str(path.with_name(f"{path.stem} {number}{path.suffix}"))
            number += 1
        written[step.source] = short
        if short != step.source:
            names[short] = step.source
    steps = (
        replace(step, source=written[step.source]) if isinstance(step, Paste) else step
        for step in edits.steps
    )
    return Told(Edits(tuple(steps)), names)


def is_named_as_dicom(source: str) -> bool:
    """Whether a file may be DICOM by its name."""
    path = Path(source)
    return path.suffix.lower() in _SUFFIXES or suffixes.may_be_dicom(path)


def nameless(source: str) -> Subject:
    """Whom a file shows of which nothing is known but its name, all of which counts as personal."""
    return Subject(tokens=(Path(source).stem.lower(),))


def _may_be_dicom(source: str) -> bool:
    return is_named_as_dicom(source) or regular.has_mark(Path(source), *_DICOM)


def _subject_of(source: str, page: int, others: Others) -> Subject | None:
    try:
        return others(source, page).subject
    except Cancelled:
        raise
    except HookscopeError:
        return nameless(source)
