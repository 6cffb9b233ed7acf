"""Recognises the torchvision architecture that a state dict was saved from.

The index holds the keys and shapes of every classifier's state dict. It is shipped for the pinned
torchvision version; for any other it is built once (a few seconds) and cached for the user.
"""

from __future__ import annotations

import functools
import gzip
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import platformdirs
from torch import Tensor

from engine.errors import ExportError
from engine.files.atomic import whole_file
from engine.formats.torchvision import bodies, models
from engine.formats.torchvision.bodies import Change
from engine.formats.torchvision.spellings import Spelling, spellings
from engine.lazy import torchvision
from engine.paths import RESOURCES
from engine.process.collector import not_collecting
from engine.reader import client
from engine.version import NAME
from engine.weights.state_dicts import StateDict, few, is_counter, left_out, matching, unwrapped

_log = logging.getLogger(__name__)

Shapes = dict[str, tuple[int, ...]]
Index = Mapping[str, Shapes]
"""Keys and shapes of each architecture's state dict, by architecture name."""

_CLASSES = 1000
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
# Tensors that a changed head or first convolution may add or lack.
_MOST_CHANGED = 64
# Wrappers around a network, more than any training program has.
_MOST_VARIANTS = 12

SHIPPED: Path = RESOURCES / "architectures.json.gz"


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """names: the architectures that fit, the most likely first; () for none. state: the state dict
    without a wrapper's prefixes, under torchvision's names. closest: the architecture that shares
    most tensors, '' if none shares any; difference: how the state dict differs from it, naming the
    first keys. change: how the network differs from torchvision's, None if it does not. headless:
    the architecture whose head alone is missing. notices: for the user, on how it was made to
    fit."""

    names: tuple[str, ...]
    state: StateDict
    closest: str = ""
    difference: str = ""
    change: Change | None = None
    headless: str = ""
    notices: tuple[str, ...] = ()


def recognise(state: Mapping[str, Tensor], index: Index | None = None) -> Recognition:
    """The torchvision architectures that a state dict fits, for any number of classes.

    Auxiliary heads and the counters of batch normalisation may be missing, and a vision
    transformer's position embedding may have any length. The names of the layers may be those of
    other libraries (spellings), and the first and last layers may be others (bodies).
    """
    index = {name: _essential(shapes) for name, shapes in (index or known()).items()}
    closest = _Closest()
    headless = ""
    for variant in islice(unwrapped(state), _MOST_VARIANTS):
        modern = models.with_modern_keys(variant.state)
        given = _essential({key: tuple(tensor.shape) for key, tensor in modern.items()})
        for spelling in spellings(given, index):
            client.raise_if_late()
            translated = {spelling.names[key]: shape for key, shape in given.items()}
            found = _fitting(translated, index)
            if found.names:
                return _recognition(found, modern, spelling, variant.dropped)
            headless = headless or found.headless
            closest.look(translated, index, modern)
    return Recognition(
        (), closest.state or dict(state), closest.name, closest.difference, headless=headless
    )


def fitted(name: str, state: StateDict) -> Recognition:
    """The same for a named architecture; the closest variant if it does not fit."""
    wanted = known().get(name, {})
    found = recognise(state, {name: wanted})
    if found.names:
        return found
    return Recognition((name,), matching(wanted, models.with_modern_keys(state)))


@dataclass(slots=True)
class _Closest:
    """The architecture with most equal tensors so far; of equals, that with fewest others."""

    name: str = ""
    difference: str = ""
    state: StateDict | None = None
    _best: tuple[int, int] = (0, 0)

    def look(self, given: Shapes, index: Index, state: StateDict) -> None:
        for name, wanted in index.items():
            equal = len(wanted.items() & given.items())
            found = equal, -len(wanted.keys() ^ given.keys())
            if equal and found > self._best:
                self._best, self.name, self.state = found, name, state
                self.difference = _difference(wanted, given)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    names: tuple[str, ...] = ()
    comparison: bodies.Comparison = bodies.NOTHING
    headless: str = ""


def _fitting(given: Shapes, index: Index) -> _Found:
    """The architectures that shapes fit: as they are, else with changed layers."""
    exact = tuple(name for name, wanted in index.items() if _fits(wanted, given))
    if exact:
        return _Found(exact)
    compared = {
        name: bodies.compare(wanted, given)
        for name, wanted in index.items()
        if abs(len(wanted) - len(given)) <= _MOST_CHANGED
    }
    headless = next((name for name, each in compared.items() if each.headless), "")
    changed = {name: each for name, each in compared.items() if each.change is not None}
    if not changed:
        return _Found(headless=headless)
    first = next(iter(changed.values()))
    return _Found(tuple(name for name, each in changed.items() if each == first), first)


def _recognition(
    found: _Found, state: StateDict, spelling: Spelling, dropped: tuple[str, ...]
) -> Recognition:
    comparison = found.comparison
    moved = dict(comparison.names)
    names = {key: moved.get(translated, translated) for key, translated in spelling.names.items()}
    # Counters and auxiliary heads are not compared.
    others = {} if spelling.words or comparison.names else dict(state)
    renamed = others | {name: state[key] for key, name in names.items()}
    notices = []
    if dropped:
        notices.append(left_out(dropped))
    if spelling.words:
        notices.append(
            f"The file uses {spelling.words}; the layers between are assumed to be those of "
            f"torchvision's {found.names[0]}."
        )
    if comparison.theirs and not spelling.words:
        notices.append(
            f"The last layer is called {comparison.theirs} in the file and {comparison.ours} here. "
            "Layers without weights beside it, such as dropout, are not stored in the file and are "
            "left out."
        )
    change = comparison.change or bodies.Change()
    notices += change.words
    lost = [key for key in state if key.startswith(_AUXILIARY) and key not in renamed]
    if lost:
        change = replace(change, auxiliary=True)
        notices.append(f"Left out, as only training uses them: {few(lost)}.")
    differs = change if change != bodies.Change() else None
    return Recognition(found.names, renamed, change=differs, notices=tuple(notices))


def _essential(shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    """The shapes that distinguish architectures, without auxiliary heads, counters or lengths."""
    return {
        key: (shape[0], 0, *shape[2:]) if key == "encoder.pos_embedding" else shape
        for key, shape in shapes.items()
        if not key.startswith(_AUXILIARY) and not is_counter(key)
    }


def _fits(wanted: Shapes, given: Shapes) -> bool:
    """Whether both are equal except for the head's number of classes, shared by its tensors."""
    if wanted.keys() != given.keys():
        return False
    changed = {(wanted[key], given[key]) for key in wanted if wanted[key] != given[key]}
    heads = {(w[0], g[0]) for w, g in changed if w and g and w[1:] == g[1:]}
    return not changed or (len(heads) == 1 and all(w[1:] == g[1:] and w for w, g in changed))


def _is_head(wanted: tuple[int, ...], given: tuple[int, ...]) -> bool:
    """Whether only the number of classes differs; the index has 1,000 classes."""
    return wanted[:1] == (_CLASSES,) and wanted[1:] == given[1:]


def _difference(wanted: Shapes, given: Shapes) -> str:
    parts = (
        ("missing", [key for key in wanted if key not in given]),
        ("unexpected", [key for key in given if key not in wanted]),
        (
            "different shape",
            [
                f"{key} {given[key]}"
                for key, shape in wanted.items()
                if given.get(key, shape) != shape and not _is_head(shape, given[key])
            ],
        ),
    )
    return "; ".join(f"{what}: {few(keys, most=2)}" for what, keys in parts if keys)


@functools.cache
def known() -> Index:
    """The index of the installed torchvision: shipped, cached, or built now and cached."""
    version = _version()
    cached = _cached(version)
    for path in (SHIPPED, cached):
        found = read_index(path, version)
        if found is not None:
            return found
    made = models.signatures()
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_index(cached, version, made)
    except (OSError, ExportError) as error:
        _log.warning("the index of architectures cannot be cached: %s", error)
    return made


def read_index(path: Path, version: str) -> Index | None:
    """The index in a file; None if missing, damaged or of another torchvision version."""
    try:
        with not_collecting():
            content = json.loads(gzip.decompress(path.read_bytes()))
            if content["torchvision"] != version:
                return None
            found: dict[str, Shapes] = {
                name: {key: tuple(shape) for key, shape in shapes.items()}
                for name, shapes in content["architectures"].items()
            }
            return found
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.warning("%s: not an index of architectures (%s)", path, error)
        return None


def write_index(path: Path, version: str, index: Index) -> None:
    """Write the index, reproducibly: equal indexes give equal bytes."""
    content = {"torchvision": version, "architectures": index}
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    with whole_file(path) as file:
        file.write(gzip.compress(text.encode(), mtime=0))


def _cached(version: str) -> Path:
    folder = platformdirs.user_cache_path(NAME.lower(), appauthor=False)
    return Path(folder) / f"architectures-{version}.json.gz"


def _version() -> str:
    installed: str = torchvision.load().__version__
    return installed.partition("+")[0]
