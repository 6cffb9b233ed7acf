"""The preprocessing of a model: what was found for it, changed by the user's choice."""

from __future__ import annotations

from dataclasses import dataclass

from engine.images import choices, presets
from engine.images.choices import Choice
from engine.records.images import Preprocessing
from engine.records.models import Origin


@dataclass(frozen=True, slots=True)
class Prepared:
    """how, and where it comes from: origin in words, source in one word. notices: for the user."""

    how: Preprocessing
    origin: str
    source: Origin
    notices: tuple[str, ...] = ()


def prepared(found: Prepared, choice: Choice, name: str) -> Prepared:
    """The preprocessing that was found, changed by the choice.

    name: of the model's file, for the notice that something is assumed, which is never left out.
    Raises ModelError, a single line that names an option, if the choice does not fit.
    """
    how = choices.applied(choice, found.how)
    assumed = found.source is Origin.ASSUMED
    if choice == choices.NOTHING:
        told = found.notices or ((assumption(name, how),) if assumed else ())
        return Prepared(how, found.origin, found.source, told)
    if assumed and not choice.settles_values:
        return Prepared(how, presets.ASSUMED, Origin.ASSUMED, (assumption(name, how, "the rest"),))
    return Prepared(how, "set by you", Origin.CHOSEN)


def assumption(name: str, how: Preprocessing, what: str = "") -> str:
    """The notice that the preprocessing of a file is assumed; what: if only a part of it is."""
    words = f"Assumed for {what}" if what else "Assumed"
    return f"The file {name} does not specify its preprocessing. {words}: {presets.described(how)}"
