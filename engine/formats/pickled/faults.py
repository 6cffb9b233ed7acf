"""What a pickle's description has beyond layers, tensors and settings: hooks, replaced methods,
foreign classes.

Works only on records and builds no module. Traversals are iterative and bounded: a description may
share objects, contain itself, and be arbitrarily deep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine import escaping
from engine.errors import WeightsError
from engine.formats.pickled.described import DEPTH, MODULES, children_of, joined
from engine.reader import client
from engine.weights.descriptions import Described, Named

# A limit that no real network reaches.
_CALLS = 100_000

_KNOWN = ("torch.nn.", "torchvision.models.", "torchvision.ops.", "functools.partial")
_PARTS = ("_parameters", "_buffers", "_modules")
_OWN_NAMES = frozenset(dir(nn.Module))

_ODD = "save the network's state_dict() and open that"


def foreign_names(value: object) -> tuple[str, ...]:
    """The classes and functions in a description that no library network uses, in order of
    appearance."""
    found: dict[str, None] = {}
    for current in _within(value):
        name = current.kind if isinstance(current, Described) else ""
        name = current.name if isinstance(current, Named) else name
        if name and not name.startswith(_KNOWN) and not _is_plain(current):
            found[name] = None
    return tuple(found)


def faults(root: Described, path: Path) -> tuple[str, ...]:
    """Anything in a described network beyond layers, tensors and settings, as text.

    Examples are hooks, attributes that shadow a method, and constructor arguments. Raises
    WeightsError for modules that contain themselves, or that exceed the limits of depth, number or
    calls.
    """
    found: list[str] = []
    calls: dict[int, int] = {}
    above: list[int] = []
    waiting: list[tuple[str, Described, bool]] = [("", root, False)]
    while waiting:
        client.raise_if_late()
        place, module, left = waiting.pop()
        if left:
            above.pop()
            inner = (calls.get(id(child), 0) for _, child in children_of(module))
            calls[id(module)] = 1 + sum(inner)
            if calls[id(module)] > _CALLS:
                raise WeightsError(f"{path}: calls its layers more than {_CALLS:,} times; {_ODD}")
            continue
        if id(module) in above:
            raise WeightsError(f"{path}: {escaping.plain(place, 80)} contains itself; {_ODD}")
        if id(module) in calls:
            continue
        if len(above) >= DEPTH or len(calls) >= MODULES:
            raise WeightsError(f"{path}: too many or too deeply nested layers; {_ODD}")
        found += _faults_of(place, module)
        above.append(id(module))
        waiting.append((place, module, True))
        waiting += [
            (joined(place, name), child, False) for name, child in reversed(children_of(module))
        ]
    return tuple(found)


def _is_plain(value: object) -> bool:
    if isinstance(value, Named):
        # Not getattr, which makes torch import submodules lazily.
        return isinstance(vars(torch).get(value.name.removeprefix("torch.")), torch.dtype)
    return isinstance(value, Described) and value.kind == "torch.device"


def _within(value: object) -> Iterator[object]:
    """value and everything it contains, each object once, in order."""
    waiting, seen = [value], set()
    while waiting:
        current = waiting.pop()
        if isinstance(current, str | bytes | int | float | complex | Tensor | None):
            continue
        if id(current) in seen:
            continue
        seen.add(id(current))
        client.raise_if_late()
        yield current
        inner: list[object] = []
        if isinstance(current, Described):
            inner = [*current.arguments, *current.keywords.values(), current.state]
            inner += [*current.items, *(part for pair in current.pairs for part in pair)]
        elif isinstance(current, Mapping):
            inner = [*current.keys(), *current.values()]
        elif isinstance(current, list | tuple | set | frozenset):
            inner = list(current)
        waiting += reversed(inner)


def _faults_of(place: str, module: Described) -> Iterator[str]:
    if not module.is_module or not isinstance(module.state, dict):
        yield f"{place or 'the network'}: {module.kind}"
        return
    if module.arguments or module.keywords or module.items or module.pairs:
        yield f"{place or 'the network'}: {module.kind}, built with arguments"
    for part in _PARTS:
        for name, value in module.state[part].items():
            if not isinstance(name, str) or not name or "." in name:
                yield f"{place or 'the network'}: a part with the invalid name {name!r:.40}"
            elif value is not None and not _fits_part(part, value):
                yield f"{joined(place, name)}: {_kind_of(value)}"
    yield from shadows(place, module.state)


def shadows(place: str, attributes: Mapping[Any, object]) -> Iterator[str]:
    """Hooks, and attributes that would shadow a module's methods."""
    for name, value in attributes.items():
        if not isinstance(name, str):
            yield f"an attribute of {place or 'the network'} without a name"
        elif "hook" in name:
            empty = isinstance(value, dict | list | tuple | set) and not value
            if value is not None and not isinstance(value, bool) and not empty:
                yield f"a hook on {place or 'the network'} ({name})"
        elif name in _OWN_NAMES:
            yield f"{joined(place, name)}, which replaces a method"


def _fits_part(part: str, value: object) -> bool:
    if part == "_modules":
        return isinstance(value, Described) and value.is_module
    if not isinstance(value, Tensor):
        return False
    return part == "_buffers" or value.is_floating_point()


def _kind_of(value: object) -> str:
    if isinstance(value, Described):
        return value.kind
    if isinstance(value, Tensor):
        return str(value.dtype).removeprefix("torch.")
    return value.name if isinstance(value, Named) else type(value).__name__
