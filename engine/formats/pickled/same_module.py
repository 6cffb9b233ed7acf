"""Compares a network with a pickle's description: every class, setting and child must match."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from engine.formats.pickled.described import children_of, joined, settings_of
from engine.formats.pickled.layer_names import MEANT_BEFORE, canonical, unused
from engine.reader import client
from engine.weights.descriptions import Described, Named

OwnClass = Callable[[str], type | None]
"""Finds a class of the user's Python file by its name 'module.Class' in a pickle."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_PARTS = frozenset({"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"})
_NUMBERS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_COUNTER = "num_batches_tracked"
# Modules from which a network may reference functions.
_FUNCTIONS: dict[str, ModuleType] = {
    "torch": torch,
    "torch.nn.functional": nn.functional,
    "torch._C._nn": torch._C._nn,
}


def _no_class(_name: str) -> type | None:
    return None


def differences(
    root: Described, network: nn.Module, *, own: OwnClass = _no_class, most: int = 5
) -> tuple[str, ...]:
    """The first differences between a network and a description, as text.

    Values of parameters and persistent buffers are not compared, since they are loaded afterwards;
    their shapes are. own: finds classes outside the libraries.
    """
    return tuple(_Comparison(own).run(root, network, most))


def own_differences(
    module: Described, built: nn.Module, place: str, own: OwnClass = _no_class
) -> tuple[str, ...]:
    """The differences of one module without its children."""
    return tuple(_Comparison(own).of_module(place, module, built))


def class_name(kind: type) -> str:
    """The name of a class in a pickle."""
    return f"{kind.__module__}.{kind.__qualname__}"


class _Comparison:
    """Walks a description and a network side by side, each pair once."""

    def __init__(self, own: OwnClass) -> None:
        self._own = own
        # The correspondence in both directions: a module shared under two names must be shared in
        # the built network as well.
        self._built: dict[int, int] = {}
        self._described: dict[int, int] = {}
        self._waiting: list[tuple[str, Described, nn.Module]] = []
        # Keeps the pairs alive, since the id of a deleted object could be reused.
        self._compared: dict[tuple[int, int], tuple[object, object]] = {}

    def run(self, root: Described, network: nn.Module, most: int) -> list[str]:
        found: list[str] = []
        self._waiting = [("", root, network)]
        while self._waiting and len(found) < most:
            client.raise_if_late()
            place, module, built = self._waiting.pop()
            if (id(module), id(built)) in self._compared:
                continue
            self._compared[id(module), id(built)] = module, built
            shared = self._built.setdefault(id(module), id(built)) != id(built)
            if shared or self._described.setdefault(id(built), id(module)) != id(module):
                found.append(f"{place}, which is a layer shared by two places")
                continue
            found += self.of_module(place, module, built)
            children = children_of(module)
            self._waiting += [
                (joined(place, name), child, inner)
                for name, child in reversed(children)
                if (inner := built._modules.get(name)) is not None
            ]
        return found[:most]

    def of_module(self, place: str, module: Described, built: nn.Module) -> Iterator[str]:
        """The differences of one module, without those of its children."""
        if not self._same_class(module.kind, type(built)):
            yield f"{place or 'the network'}: {module.kind}"
            return
        attributes = settings_of(module)
        names = [name for name, _ in children_of(module)]
        if names != [name for name, child in built._modules.items() if child is not None]:
            yield f"the parts of {place or 'the network'} ({', '.join(names[:5])})"
        yield from self._tensors(place, attributes, built)
        yield from self._settings(place, attributes, built)

    def _same_class(self, name: str, kind: type) -> bool:
        return canonical(name) == class_name(kind) or self._own(name) is kind

    def _tensors(self, place: str, attributes: Any, built: nn.Module) -> Iterator[str]:
        passing = attributes.get("_non_persistent_buffers_set", set())
        if passing != built._non_persistent_buffers_set:
            yield f"{joined(place, '_non_persistent_buffers_set')}"
        for part in ("_parameters", "_buffers"):
            given = {name: t for name, t in attributes[part].items() if t is not None}
            wanted = {n: t for n, t in getattr(built, part).items() if t is not None}
            # Batch normalisation counts its batches since torch 0.4.1; nothing here depends on it.
            wanted = {n: t for n, t in wanted.items() if n != _COUNTER or n in given}
            for name in sorted(given.keys() ^ wanted.keys()):
                lacking = f"{place or 'the network'} without {name}"
                yield f"additional {joined(place, name)}" if name in given else lacking
            for name in given.keys() & wanted.keys():
                tensor, other = given[name], wanted[name]
                if tensor.shape != other.shape or not _same_kind(tensor.dtype, other.dtype):
                    yield f"{joined(place, name)} {tuple(tensor.shape)}, {_short(tensor.dtype)}"
                    continue
                fixed = name in built._non_persistent_buffers_set or _is_computed(name, other)
                if fixed and not _same_tensor(tensor, other):
                    yield f"the values of {joined(place, name)}"

    def _settings(self, place: str, attributes: Any, built: nn.Module) -> Iterator[str]:
        kind = class_name(type(built))
        given = _own_settings(attributes)
        wanted = _own_settings(vars(built))
        # None is equivalent as a child, a parameter or an attribute.
        absent = _none_names(attributes), _none_names(vars(built))
        for name in [*given, *(name for name in wanted if name not in given)]:
            if unused(kind, name) and _is_simple(given.get(name)):
                if not _pads_alike(given, wanted, name):
                    yield f"{joined(place, name)} {_short(given[name])}"
                continue
            if name not in given:
                before = MEANT_BEFORE.get((kind, name), MEANT_BEFORE.get(("", name), _UNKNOWN))
                fits = before is not _UNKNOWN and self.same(before, wanted[name])
                if not fits and not (wanted[name] is None and name in absent[0]):
                    yield f"{place or 'the network'} without {name}"
            elif name not in wanted:
                if not (given[name] is None and name in absent[1]):
                    yield f"{joined(place, name)} {_short(given[name])}"
            elif not self.same(given[name], wanted[name]):
                yield f"{joined(place, name)} {_short(given[name])}"

    def same(self, given: object, wanted: object) -> bool:
        """Whether a described value equals the network's. Modules in it are compared later.

        Iterative, each pair once, since values may contain themselves.
        """
        waiting = [(given, wanted)]
        while waiting:
            a, b = waiting.pop()
            if isinstance(b, _PLAIN):
                if not _same_plain(a, b):
                    return False
                continue
            if (id(a), id(b)) in self._compared:
                continue
            if isinstance(b, nn.Module):
                if not (isinstance(a, Described) and a.is_module):
                    return False
                self._waiting.append(("a layer", a, b))
                continue
            self._compared[id(a), id(b)] = a, b
            inner = self._inner(a, b)
            if inner is None:
                return False
            waiting += inner
        return True

    def _inner(self, a: object, b: object) -> list[tuple[object, object]] | None:
        """The pairs that must be equal for a to equal b; None if a and b differ."""
        if isinstance(b, Tensor):
            return [] if isinstance(a, Tensor) and _same_tensor(a, b) else None
        if type(b) in (list, tuple, torch.Size):
            if type(a) is not (list if type(b) is list else tuple) or len(a) != len(b):  # type: ignore[arg-type]
                return None
            return list(zip(a, b, strict=True))  # type: ignore[call-overload]
        if type(b) in (set, frozenset):
            alike = isinstance(a, set | frozenset) and _typed(a) == _typed(b)
            return [] if alike else None
        if type(b) in (dict, OrderedDict):
            if not isinstance(a, dict) or _typed(a) != _typed(b):
                return None
            return [(a[key], value) for key, value in b.items()]  # type: ignore[attr-defined]
        return self._inner_of_object(a, b)

    def _inner_of_object(self, a: object, b: object) -> list[tuple[object, object]] | None:
        if isinstance(b, type):
            return [] if isinstance(a, Named) and self._same_class(a.name, b) else None
        if isinstance(b, torch.dtype):
            return [] if isinstance(a, Named) and a.name == str(b) else None
        if callable(b) and not isinstance(b, functools.partial):
            return [] if isinstance(a, Named) and _function(a.name) is b else None
        if not isinstance(a, Described) or a.items or a.pairs or a.keywords:
            return None
        if isinstance(b, torch.device):
            place = (b.type,) if b.index is None else (b.type, b.index)
            return [(a.arguments, place)] if a.kind == "torch.device" and not a.state else None
        if isinstance(b, functools.partial):
            return self._inner_of_partial(a, b)
        if a.arguments or not self._same_class(a.kind, type(b)) or not isinstance(a.state, dict):
            return None
        return [(a.state, vars(b))] if hasattr(b, "__dict__") else None

    def _inner_of_partial(
        self, a: Described, b: functools.partial[Any]
    ) -> list[tuple[object, object]] | None:
        # Its pickled state is a tuple of function, arguments, keywords and attributes.
        state = a.state
        if a.kind != "functools.partial" or not isinstance(state, tuple) or len(state) != 4:
            return None
        if type(b) is not functools.partial or vars(b) or state[3]:
            return None
        return [(a.arguments, (b.func,)), (state[:3], (b.func, b.args, b.keywords))]


_UNKNOWN = object()


def _own_settings(attributes: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value
        for name, value in attributes.items()
        if name not in _PARTS and name != "training" and "hook" not in name
    }


def _pads_alike(given: Mapping[str, object], wanted: Mapping[str, object], name: str) -> bool:
    """False for a convolution whose precomputed margins do not match its padding. It reads them
    unless it pads with zeros."""
    if name != "_reversed_padding_repeated_twice" or given.get("padding_mode", "zeros") == "zeros":
        return True
    margins, others = given.get(name), wanted.get(name)
    if not isinstance(margins, list | tuple) or not isinstance(others, list | tuple):
        return name not in given
    return list(margins) == list(others)


def _none_names(attributes: Mapping[str, Any]) -> set[str]:
    parts = [attributes.get(part) for part in ("_parameters", "_buffers", "_modules")]
    found = {name for part in (attributes, *parts) if part for name, v in part.items() if v is None}
    return {name for name in found if isinstance(name, str)}


def _function(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    # Not getattr, which makes torch import submodules lazily.
    return vars(_FUNCTIONS[module]).get(attribute) if module in _FUNCTIONS else None


def _same_plain(a: object, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    return a == b or (isinstance(b, float) and math.isnan(b) and math.isnan(a))  # type: ignore[arg-type]


def _same_tensor(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or b.is_meta or a.is_meta:
        return False
    if b.layout is not torch.strided or b.is_quantized:
        return False
    return torch.equal(a, b) or (
        b.dtype in _NUMBERS and bool(((a == b) | (a.isnan() & b.isnan())).all())
    )


def _same_kind(given: torch.dtype, wanted: torch.dtype) -> bool:
    return given in _NUMBERS if wanted in _NUMBERS else given == wanted


def _is_computed(name: str, tensor: Tensor) -> bool:
    """Whether a tensor is computed by its module, such as an index table."""
    return not tensor.is_floating_point() and name != _COUNTER


def _typed(keys: Any) -> set[tuple[type, object]]:
    return {(type(key), key) for key in keys}


def _is_simple(value: object) -> bool:
    """Whether a value is plain data, through which a module cannot call anything."""
    if isinstance(value, list | tuple | dict):
        parts = value.values() if isinstance(value, dict) else value
        return all(isinstance(part, _PLAIN) for part in parts)
    return isinstance(value, (*_PLAIN, Named))


def _short(value: object) -> str:
    if isinstance(value, Described):
        return value.kind
    if isinstance(value, Named):
        return value.name
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, Tensor):
        return f"of shape {tuple(value.shape)}"
    if isinstance(value, dict | set | frozenset):
        return f"({len(value)} values)"
    if isinstance(value, list | tuple):
        shown = ", ".join(_short(part) if isinstance(part, _PLAIN) else "..." for part in value[:4])
        return f"({shown}{', ...' if len(value) > 4 else ''})"
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    return text if len(text) <= 40 else f"{text[:37]}..."
