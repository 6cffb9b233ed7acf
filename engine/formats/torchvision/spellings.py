"""Translates the names that other libraries give to the layers of torchvision's networks.

Each spelling maps the keys of a state dict to torchvision's, or does not apply. It changes names
alone; whether the shapes then fit is checked by architectures.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.formats.torchvision import construction, models

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Names = dict[str, str]
"""The file's keys and torchvision's."""

_NUMBERED = re.compile(r"(?:(.+?)\.)?(\d+)\.")
_MONAI_LAYER = re.compile(r"(denselayer\d+)\.layers\.")
_DENSE_HEAD = "class_layers.out."
_MOST_NUMBERED = 3
# Their forward applies an activation after the body, which a Sequential of their parts may lack.
_MORE_THAN_PARTS = "densenet"


@dataclass(frozen=True, slots=True)
class Spelling:
    """The file's names in torchvision's terms. words: for the user, '' for torchvision's own."""

    names: Names
    words: str = ""


def spellings(given: Shapes, index: Mapping[str, Shapes]) -> Iterator[Spelling]:
    """The possible readings of a state dict's keys, the plainest first."""
    yield Spelling({key: key for key in given})
    for words, translate in _TRANSLATIONS:
        names = {key: translate(key) for key in given}
        if any(key != name for key, name in names.items()) and _distinct(names):
            yield Spelling(names, words)
    yield from _split(given)
    yield from _numbered(given, index)


def _monai(key: str) -> str:
    return _MONAI_LAYER.sub(r"\1.", key).replace(_DENSE_HEAD, "classifier.")


def _cifar(key: str) -> str:
    key = key.replace(".shortcut.", ".downsample.")
    return "fc" + key.removeprefix("linear") if key.startswith("linear.") else key


def _published(key: str) -> str:
    """As the last layer is called in collections that predate timm."""
    return "fc" + key.removeprefix("last_linear") if key.startswith("last_linear.") else key


_TRANSLATIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("MONAI's names", _monai),
    ("the names 'shortcut' and 'linear' of ResNets for CIFAR", _cifar),
    ("the name 'last_linear'", _published),
)


def _split(given: Shapes) -> Iterator[Spelling]:
    """A body under one prefix, and everything else (the head) beside it.

    So do MMPretrain (backbone., head.fc.) and many programs of their own (backbone., classifier.).
    """
    firsts = Counter(key.partition(".")[0] for key in given)
    for first, count in firsts.most_common(1):
        if not 0 < len(given) - count <= len(given) // 2:
            return
        prefix = f"{first}."
        names = {key: key.removeprefix(prefix) for key in given}
        if _distinct(names):
            yield Spelling(names, f"a body called '{first}' with its head beside it")


def _numbered(given: Shapes, index: Mapping[str, Shapes]) -> Iterator[Spelling]:
    """A body rebuilt as Sequential(*network.children()), whose layers are numbered. What comes
    after its own last number, or beside it with a higher one, is the head."""
    prefixes = {match[1] or "" for key in given if (match := _NUMBERED.match(key))}
    if not prefixes:
        return
    for name in _alike(given, index):
        order = children_of(name)
        for prefix in sorted(prefixes, key=len)[:_MOST_NUMBERED]:
            start = f"{prefix}." if prefix else ""
            inner = [number for key in given if (number := _number(key, start)) is not None]
            ends = max(inner, default=0) >= len(order)
            if ends and name.startswith(_MORE_THAN_PARTS):
                continue
            names = {key: _named(key, start, order, ends=ends) for key in given}
            if any(key != other for key, other in names.items()) and _distinct(names):
                yield Spelling(names, "layers numbered by Sequential(*children)")


def _number(key: str, start: str) -> int | None:
    """The number that follows a prefix in a key."""
    number, dot, _ = key.removeprefix(start).partition(".")
    known = key.startswith(start) and dot and number.isdigit() and len(number) < 4
    return int(number) if known else None


def _named(key: str, start: str, order: tuple[str, ...], *, ends: bool) -> str:
    """ends: whether the numbers go on after the network's own, with those of another head."""
    number = _number(key, start)
    if number is not None:
        rest = key.removeprefix(start).partition(".")[2]
        if ends and number >= len(order) - 1:
            return f"{order[-1]}.{number}.{rest}"
        return f"{order[number]}.{rest}" if number < len(order) else key
    outer, _, last = start.removesuffix(".").rpartition(".")
    beside = _number(key, f"{outer}." if outer else "")
    if last.isdigit() and beside is not None and beside > int(last):
        return f"{order[-1]}.{key.removeprefix(f'{outer}.' if outer else '')}"
    return key


def _alike(given: Shapes, index: Mapping[str, Shapes]) -> list[str]:
    """The architectures that share most shapes with a state dict, whatever their names."""
    shapes = Counter(given.values())
    least = len(given) // 2
    found = {
        name: (common, -len(wanted))
        for name, wanted in index.items()
        if (common := (shapes & Counter(wanted.values())).total()) >= least
    }
    return sorted(found, key=lambda name: found[name], reverse=True)[:_MOST_NUMBERED]


@functools.lru_cache(maxsize=32)
def children_of(name: str) -> tuple[str, ...]:
    """The names of a classifier's parts in order, including those without weights."""
    options = {"init_weights": False} if name in models.TRANSFORMING else {}
    return tuple(key for key, _ in construction.outline(name, options).named_children())


def _distinct(names: Names) -> bool:
    return len(set(names.values())) == len(names)
