"""Matches labels to the classes of a network, and says what did not match."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_SYNSET = re.compile(r"n\d{8}")
_SEPARATORS = re.compile(r"[\s_\-]+")
_SEVERAL = re.compile(r"\s*[;|]\s*")


@dataclass(frozen=True, slots=True)
class Match:
    """Labels and the classes that they are.

    found: for each matched label the indices of its classes (several only of independent labels).
    unmatched: labels that are no class. how: in words. unused: classes that no label is.
    """

    found: dict[str, tuple[int, ...]]
    unmatched: tuple[str, ...]
    unused: tuple[int, ...]
    how: str

    @property
    def verdict(self) -> str:
        """'matched', 'partial', 'unmatched', or 'none' if there are no labels."""
        if not self.found and not self.unmatched:
            return "none"
        if not self.found:
            return "unmatched"
        return "partial" if self.unmatched else "matched"

    @property
    def words(self) -> str:
        """'7 of 8 labels are classes of the network, by name; not: cat'."""
        count = len(self.found) + len(self.unmatched)
        if not count:
            return "no labels"
        text = f"{len(self.found)} of {count} labels are classes of the network{self.how}"
        if self.unmatched:
            more = len(self.unmatched) - 5
            names = ", ".join(self.unmatched[:5])
            text += f"; not: {names}{f' and {more:,} more' if more > 0 else ''}"
        return text


def match(
    labels: Iterable[str],
    classes: Sequence[str],
    given: Mapping[str, int | str] | None = None,
    *,
    several: bool = False,
) -> Match:
    """Find the class of each label.

    In this order: given (from a label to the index or name of a class); the name of a class, in any
    case, with '_', '-' and spaces alike; the index of a class, in digits. WordNet IDs (n01440764)
    that are as many as the classes are taken in their order, as ImageFolder does. several: the
    classes are independent, and ';' or '|' stands between the labels of one image.
    """
    names = list(dict.fromkeys(label for label in labels if label))
    known = _names(classes, str), _names(classes, _plain)
    given = dict(given or {})
    ordered = _in_order(names, classes) if not given else {}
    found: dict[str, tuple[int, ...]] = {}
    unmatched = []
    for label in names:
        parts = [part for part in _SEVERAL.split(label.strip()) if part] if several else [label]
        own = [_class_of(part, known, given, ordered, len(classes)) for part in parts]
        if None in own:
            unmatched.append(label)
        else:
            found[label] = tuple(sorted({number for number in own if number is not None}))
    used = {number for own in found.values() for number in own}
    how = " as given" if given else (", in their order" if ordered else "")
    unused = tuple(number for number in range(len(classes)) if number not in used)
    return Match(found, tuple(unmatched), unused, how)


def _class_of(
    label: str,
    known: tuple[Mapping[str, int | None], Mapping[str, int | None]],
    given: Mapping[str, int | str],
    ordered: Mapping[str, int],
    count: int,
) -> int | None:
    if label in ordered:
        return ordered[label]
    to = given.get(label, label)
    if isinstance(to, int):
        return to if 0 <= to < count else None
    # In exactly this spelling first: 'cat' and 'Cat' may be two classes.
    exactly, plainly = known
    named = exactly.get(to)
    if named is None:
        named = plainly.get(_plain(to))
    if named is not None:
        return named
    text = to.strip()
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < count:
        return int(text)
    return None


def _names(classes: Sequence[str], spell: Callable[[str], str]) -> dict[str, int | None]:
    """Classes by their names in a spelling; None for a name that several have."""
    found: dict[str, int | None] = {}
    for number, name in enumerate(classes):
        key = spell(name)
        found[key] = None if key in found else number
    return found


def _plain(name: str) -> str:
    # macOS stores the names of folders decomposed.
    return unicodedata.normalize("NFC", _SEPARATORS.sub(" ", name).strip().casefold())


def _in_order(labels: Sequence[str], classes: Sequence[str]) -> dict[str, int]:
    synsets = all(_SYNSET.fullmatch(label) for label in labels)
    if not labels or not synsets or len(labels) != len(classes):
        return {}
    return {label: number for number, label in enumerate(sorted(labels))}
