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
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from torch import Tensor

from engine.errors import ExportError
from engine.files.atomic import whole_file
from engine.formats.torchvision import models
from engine.formats.torchvision.heads import moved_head
from engine.lazy import torchvision
from engine.paths import RESOURCES
from engine.process.collector import not_collecting
from engine.version import NAME
from engine.weights.state_dicts import StateDict, few, variants

_log = logging.getLogger(__name__)

Shapes = dict[str, tuple[int, ...]]
Index = Mapping[str, Shapes]
"""Keys and shapes of each architecture's state dict, by architecture name."""

_CLASSES = 1000

SHIPPED: Path = RESOURCES / "architectures.json.gz"


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """names: the architectures that fit, the most likely first; () for none. state: the state dict
    without a wrapper's prefixes. closest: the architecture that shares most tensors, '' if none
    shares any; difference: how the state dict differs from it, naming the first keys. notice: for
    the user, on how it was made to fit."""

    names: tuple[str, ...]
    state: StateDict
    closest: str = ""
    difference: str = ""
    notice: str = ""


def recognise(state: Mapping[str, Tensor], index: Index | None = None) -> Recognition:
    """The torchvision architectures that a state dict fits, for any number of classes.

    Auxiliary heads and the counters of batch normalisation may be missing, a vision transformer's
    position embedding may have any length, and the last layer may be wrapped in a Sequential.
    """
    index = known() if index is None else index
    best = Recognition((), dict(state))
    best_shared = 0
    for variant in variants(state):
        variant = models.with_modern_keys(variant)
        given = _essential({key: tuple(tensor.shape) for key, tensor in variant.items()})
        fitting = tuple(name for name, wanted in index.items() if _fits(_essential(wanted), given))
        if fitting:
            return Recognition(fitting, variant)
        moved = _with_moved_head(variant, given, index)
        if moved is not None:
            return moved
        shared = {name: len(shapes.items() & given.items()) for name, shapes in index.items()}
        closest = max(shared, key=lambda name: shared[name], default="")
        if shared.get(closest, 0) > best_shared:
            best_shared = shared[closest]
            difference = _difference(_essential(index[closest]), given)
            best = Recognition((), variant, closest, difference)
    return best


def with_moved_head(name: str, state: StateDict) -> Recognition:
    """The state dict under a named architecture's keys, if only its last layer is renamed."""
    wanted = {name: known()[name]} if name in known() else {}
    given = _essential({key: tuple(tensor.shape) for key, tensor in state.items()})
    return _with_moved_head(state, given, wanted) or Recognition((name,), state)


def _with_moved_head(variant: StateDict, given: Shapes, index: Index) -> Recognition | None:
    found: dict[str, dict[str, str]] = {}
    for name, wanted in index.items():
        wanted = _essential(wanted)
        names = moved_head(wanted, given)
        if names and _fits(wanted, {names.get(key, key): shape for key, shape in given.items()}):
            found[name] = names
    if not found:
        return None
    names = next(iter(found.values()))
    theirs, ours = (key.rpartition(".")[0] for key in next(iter(names.items())))
    return Recognition(
        tuple(name for name, each in found.items() if each == names),
        {names.get(key, key): tensor for key, tensor in variant.items()},
        notice=(
            f"The last layer is called {theirs} in the file and {ours} here. Layers without "
            "weights beside it, such as dropout, are not stored in the file and are left out."
        ),
    )


def _essential(shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    """The shapes that distinguish architectures, without auxiliary heads, counters or lengths."""
    return {
        key: (shape[0], 0, *shape[2:]) if key == "encoder.pos_embedding" else shape
        for key, shape in shapes.items()
        if not key.startswith(("aux1.", "aux2.", "AuxLogits."))
        and not key.endswith(".num_batches_tracked")
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
