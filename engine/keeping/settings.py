"""The settings of a session's models beside those that are saved on this computer.

Saved settings belong to a model's weights, wherever it is opened; what a session says of them is
what its maps were made with. Neither replaces the other unless a person says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ModelError
from engine.keeping.records import KeptModel, KeptSession
from engine.profiles import store
from engine.profiles.format import ModelProfile, profile_of

_NOTHING = ModelProfile()


@dataclass(frozen=True, slots=True)
class Apart:
    """A model that a session and this computer have different settings for.

    title, sha256: of the model, and of its weights. theirs, here: what the session has, and what is
    saved here. words: what differs, for a person.
    """

    title: str
    sha256: str
    theirs: ModelProfile
    here: ModelProfile
    words: tuple[str, ...]

    @property
    def turned(self) -> Apart:
        """The same seen from the session's side."""
        return replace(self, theirs=self.here, here=self.theirs)


def differences(
    session: KeptSession, place: Path | None = None
) -> tuple[tuple[Apart, ...], tuple[str, ...]]:
    """The models with other settings here, and in a sentence each those that cannot be read.

    place: the folder of saved settings; None for the usual one. What maps do not depend on, as the
    method that is asked for first, is not compared.
    """
    found: dict[str, Apart] = {}
    faults: list[str] = []
    for model in session.models:
        if not model.sha256 or model.sha256 in found:
            continue
        try:
            apart = _compared(model, place)
        except (ModelError, ValueError) as error:
            faults.append(f"{model.title}: its settings in the session cannot be read ({error})")
            continue
        if apart is not None:
            found[model.sha256] = apart
    return tuple(found.values()), tuple(faults)


def _compared(model: KeptModel, place: Path | None) -> Apart | None:
    theirs = profile_of(model.profile) if model.profile is not None else _NOTHING
    here = store.load(model.sha256, place) or _NOTHING
    pairs = {
        "preprocessing": (theirs.preprocessing, here.preprocessing),
        "form of the output": (theirs.output, here.output),
        "layouts of layers": (dict(theirs.layouts), dict(here.layouts)),
        "class names": (theirs.classes, here.classes),
    }
    words = tuple(name for name, (one, other) in pairs.items() if one != other)
    return Apart(model.title, model.sha256, theirs, here, words) if words else None


def use_theirs(found: Sequence[Apart], place: Path | None = None) -> None:
    """Save the session's settings here, in place of those that differ. Raises ExportError."""
    for apart in found:
        theirs = apart.theirs
        kept = store.load(apart.sha256, place) or _NOTHING
        taken = replace(
            kept,
            preprocessing=theirs.preprocessing,
            preprocessing_origin=theirs.preprocessing_origin,
            output=theirs.output,
            layouts=theirs.layouts,
            classes=theirs.classes,
            classes_origin=theirs.classes_origin,
        )
        store.save(apart.sha256, taken, place)
