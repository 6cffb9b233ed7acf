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

from engine.formats.torchvision import models

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Names = dict[str, str]
"""The file's keys and torchvision's."""

_NUMBERED = re.compile(r"(?:(.+?)\.)?(\d+)\.")
_MONAI_LAYER = re.compile(r"(denselayer\d+)\.layers\.")
_DENSE_HEAD = "class_layers.out."
_MOST_NUMBERED = 3


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
    """A body rebuilt as Sequential(*network.children()), whose layers are numbered."""
    prefixes = {match[1] or "" for key in given if (match := _NUMBERED.match(key))}
    if not prefixes:
        return
    for name in _alike(given, index):
        order = children_of(name)
        for prefix in sorted(prefixes, key=len)[:_MOST_NUMBERED]:
            start = f"{prefix}." if prefix else ""
            names = {key: _named(key, start, order) for key in given}
            if any(key != other for key, other in names.items()) and _distinct(names):
                yield Spelling(names, "layers numbered by Sequential(*children)")


def _named(key: str, start: str, order: tuple[str, ...]) -> str:
    if not key.startswith(start):
        return key
    number, dot, rest = key.removeprefix(start).partition(".")
    if not dot or not number.isdigit() or len(number) > 3 or int(number) >= len(order):
        return key
    return f"{order[int(number)]}.{rest}"


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
    return tuple(key for key, _ in models.outline(name, options).named_children())


def _distinct(names: Names) -> bool:
    return len(set(names.values())) == len(names)
