"""What the classes of an output are called: by names that are given, else by the output's form."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ModelError
from engine.passes.outputs import Reading, is_usual
from engine.records.models import Scores


def are_enough(classes: Sequence[str], reading: Reading) -> bool:
    """Whether there are as many names as the output has classes, or the one of two sides."""
    single = reading.form.scores is Scores.SIDES and len(classes) == 1
    return single or len(classes) == reading.classes


def labels_of(classes: Sequence[str], reading: Reading, origin: str) -> tuple[str, ...]:
    """One label for each class of the output: those given, else made-up ones ('class 0').

    origin: where the names come from. Raises ModelError for names of another number.
    """
    count = reading.classes
    if reading.form.scores is Scores.SIDES and len(classes) < count:
        # A single name is that of the positive class.
        return (f"not {classes[0]}", classes[0]) if classes else ("negative", "positive")
    if classes and len(classes) != count:
        named = f"{origin}: " if origin else ""
        raise ModelError(
            f"{named}{len(classes)} class names were given, but the network has {count} "
            f"{'class' if count == 1 else 'classes'}; "
            "open a file with as many names"
        )
    if classes:
        return tuple(classes)
    if reading.form.scores is Scores.VALUES:
        name = _name_of(reading.form.place)
        return (name,) if count == 1 else tuple(f"{name} {i}" for i in range(count))
    return tuple(f"class {i}" for i in range(count))


def _name_of(place: str) -> str:
    """What a value is called: by its name among the outputs, if that says more than its place."""
    last = place.rpartition(".")[2]
    return "value" if not last or last.isdecimal() or is_usual(last) else last
