"""Finds networks in a pickle's description: their location, tensors, and anything unusual in them.

Works only on records (engine.weights.descriptions) and builds no module. Traversals are iterative
and bounded: a description may share objects, contain itself, and be arbitrarily deep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine import escaping
from engine.errors import WeightsError
from engine.reader import client
from engine.weights.checkpoints import find_state_dict, preferred
from engine.weights.descriptions import Described, Named

# Wrappers that training programs put around a network, with the child or argument that is the
# network.
_WRAPPERS = {
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
}
# Keys under which training programs store a whole network; plain weights first.
PLACES = ("model", "net", "network", "module", "ema", "model_ema")
# Other modules that they store beside it.
_ASIDE = ("criterion", "loss", "metric")
_LOSSES = "torch.nn.modules.loss."

# Limits of depth, number and calls that no real network reaches.
_DEPTH = 100
_MODULES = 100_000
_CALLS = 100_000

_KNOWN = ("torch.nn.", "torchvision.models.", "torchvision.ops.", "functools.partial")
_PARTS = ("_parameters", "_buffers", "_modules")
_OWN_NAMES = frozenset(dir(nn.Module))

_ODD = "save the network's state_dict() and open that"


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A network in a file. key: in the checkpoint, '' for the file itself. notice: for the user if
    there are others; others: their keys."""

    root: Described
    key: str = ""
    notice: str = ""
    others: tuple[str, ...] = ()


def networks_in(content: object) -> dict[str, Described]:
    """The networks that a file or a checkpoint in it contains, by their keys, without wrappers.

    Losses do not count, nor do small modules beside the state dict of a network, nor modules
    without convolutions of pictures beside one that has some.
    """
    inner = bare(content)
    if isinstance(inner, Described):
        return {"": inner} if inner.is_module else {}
    if not isinstance(content, Mapping):
        return {}
    found: dict[str, Described] = {}
    for key, value in content.items():
        inner = bare(value)
        known = any(inner is other for other in found.values())
        if isinstance(inner, Described) and inner.is_module and not known:
            found |= {} if _is_aside(str(key), inner) else {str(key): inner}
    state = find_state_dict(content) if found else None
    if state is not None:
        found = {key: module for key, module in found.items() if _is_rival(module, state)}
    pictures = {key: module for key, module in found.items() if _has_images(module)}
    return pictures or found


def network_in(path: Path, content: object, key: str | None = None) -> Whole | None:
    """The network to open of those in a file; None if there is none, or none under the key.

    Of several, plain weights come before averaged ones. Raises ChoiceNeeded (WhichStateDict) if
    that does not decide.
    """
    found = networks_in(content)
    if not found or (key is not None and key not in found):
        return None
    chosen, notice = (key, "") if key is not None else preferred(path, list(found))
    return Whole(found[chosen], chosen, notice, tuple(k for k in found if k != chosen))


def _has_images(module: Described) -> bool:
    return any(tensor.ndim == 4 for tensor in state_dict_of(module).values())


def _is_rival(module: Described, state: Mapping[str, Tensor]) -> bool:
    """Whether a module may be the network itself, rather than one trained beside a state dict's."""
    own = state_dict_of(module)
    return bool(own) and 2 * len(own) > len(state)


def bare(value: object) -> object:
    """The description inside DataParallel, torch.compile and the like, or value itself.

    A wrapper that does more than wrap is kept: it has a hook, or shadows a method.
    """
    seen: list[Described] = []
    while isinstance(value, Described) and value.kind in _WRAPPERS and len(seen) < _DEPTH:
        if any(value is other for other in seen):
            return value
        seen.append(value)
        attributes = value.attributes
        children = attributes.get("_modules")
        inner = children.get(_WRAPPERS[value.kind]) if isinstance(children, dict) else None
        if inner is None and value.arguments:
            inner = value.arguments[0]
        if not isinstance(inner, Described) or any(_shadows("", attributes)):
            return value
        value = inner
    return value


def state_dict_of(module: Described) -> dict[str, Tensor]:
    """The tensors of a described module, by their state dict keys.

    For modules that contain themselves, only the first tensors.
    """
    found: dict[str, Tensor] = {}
    visited = 0
    waiting: list[tuple[str, Described, int]] = [("", module, 0)]
    while waiting and visited < _MODULES:
        prefix, current, depth = waiting.pop()
        visited += 1
        attributes = settings_of(current)
        passing = attributes.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, set | frozenset | list | tuple) else ()
        for part in ("_parameters", "_buffers"):
            for name, tensor in _entries(attributes, part):
                if isinstance(tensor, Tensor) and not (part == "_buffers" and name in passing):
                    found[f"{prefix}{name}"] = tensor
        waiting += [
            (f"{prefix}{name}.", child, depth + 1)
            for name, child in reversed(_entries(attributes, "_modules"))
            if depth < _DEPTH and isinstance(child, Described) and child.is_module
        ]
    return found


def with_state_dicts(content: object) -> object:
    """content with each module, at top level or in a mapping, replaced by its state dict."""
    inner = bare(content)
    if isinstance(inner, Described):
        return state_dict_of(inner) if inner.is_module else content
    if not isinstance(content, Mapping):
        return content
    bared = {key: bare(value) for key, value in content.items()}
    return {
        key: state_dict_of(value)
        if isinstance(value, Described) and value.is_module
        else content[key]
        for key, value in bared.items()
    }


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
        if len(above) >= _DEPTH or len(calls) >= _MODULES:
            raise WeightsError(f"{path}: too many or too deeply nested layers; {_ODD}")
        found += _faults_of(place, module)
        above.append(id(module))
        waiting.append((place, module, True))
        waiting += [
            (joined(place, name), child, False) for name, child in reversed(children_of(module))
        ]
    return tuple(found)


def children_of(module: Described) -> list[tuple[str, Described]]:
    """The names and descriptions of a module's children, without those that are None."""
    return [
        (name, child)
        for name, child in _entries(settings_of(module), "_modules")
        if isinstance(child, Described)
    ]


def settings_of(module: Described) -> dict[str, Any]:
    """The attributes of a described module."""
    return module.state if isinstance(module.state, dict) else module.attributes


def joined(place: str, name: str) -> str:
    """The full name of a submodule; place is '' for the network itself."""
    return f"{place}.{name}" if place else name


def _entries(attributes: Mapping[str, object], part: str) -> list[tuple[str, Any]]:
    entries = attributes.get(part)
    if not isinstance(entries, dict):
        return []
    return [(name, value) for name, value in entries.items() if isinstance(name, str)]


def _is_aside(key: str, module: Described) -> bool:
    return module.kind.startswith(_LOSSES) or any(word in key.lower() for word in _ASIDE)


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
    yield from _shadows(place, module.state)


def _shadows(place: str, attributes: Mapping[Any, object]) -> Iterator[str]:
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
