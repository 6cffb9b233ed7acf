"""Views the settings objects in a pickle as plain values, without creating them.

Training programs store argparse.Namespace, AttributeDict, OmegaConf, yacs, EasyDict, defaultdict,
deque, numpy values and the like. All are records (engine.weights.descriptions) of what the pickle
would have created, and are read by their form rather than by a list of classes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from torch import Tensor

from engine.weights.descriptions import Described, Named

_DEEPEST = 12
_MOST_VALUES = 300_000
_LONGEST_LIST = 64
# OmegaConf keeps a container's content, and a leaf's value, under these attributes.
_CONTENT, _VALUE = "_content", "_val"
_NUMPY = ("numpy.core.multiarray.", "numpy._core.multiarray.")
_STRUCTS = {
    "f8": "d",
    "f4": "f",
    "i8": "q",
    "i4": "i",
    "i2": "h",
    "i1": "b",
    "u8": "Q",
    "u4": "I",
    "u2": "H",
    "u1": "B",
    "b1": "?",
}
_CHARACTER_BYTES = 4


def members_of(value: object) -> dict[str, object] | None:
    """The members of a container by name: of a mapping or an object, or of a list by position.

    None for anything else, for a described module, and for a list of unusual length.
    """
    if isinstance(value, Mapping):
        return {
            str(key): each
            for key, each in value.items()
            if isinstance(key, str) or (isinstance(key, int) and not isinstance(each, Tensor))
        }
    if isinstance(value, list | tuple):
        short = len(value) <= _LONGEST_LIST
        return {str(n): each for n, each in enumerate(value)} if short else None
    if not isinstance(value, Described) or value.is_module or _is_tensor_like(value):
        return None
    inner = value.attributes.get(_CONTENT)
    if isinstance(inner, Mapping | list):
        return members_of(inner)
    found = {key: each for key, each in value.pairs if isinstance(key, str)}
    given = value.arguments[0] if value.arguments else None
    if isinstance(given, Mapping):
        found |= {key: each for key, each in given.items() if isinstance(key, str)}
    found |= {key: each for key, each in value.attributes.items() if key not in found}
    if not found and value.items:
        return members_of(value.items)
    return found


def plain(value: object) -> object:
    """value as dicts, lists, strings, numbers, booleans and None; None for what is none of them.

    Bounded in depth and in the number of values.
    """
    return _Reader().plain(value, 0)


class _Reader:
    """Counts values, since shared objects may multiply."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def plain(self, value: object, depth: int) -> object:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return None
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, Tensor):
            return value.tolist() if value.ndim <= 1 and value.numel() <= _LONGEST_LIST else None
        if isinstance(value, Mapping):
            return self._mapping(value.items(), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.plain(each, depth + 1) for each in value]
        return self._described(value, depth) if isinstance(value, Described) else None

    def _mapping(self, pairs: object, depth: int) -> dict[object, object]:
        found: dict[object, object] = {}
        for key, each in pairs:  # type: ignore[attr-defined]
            name = self.plain(key, depth + 1)
            if isinstance(name, str | int | float) and not isinstance(name, bool):
                found[name] = self.plain(each, depth + 1)
        return found

    def _described(self, value: Described, depth: int) -> object:
        numbers = numpy_value(value)
        if numbers is not None:
            return numbers
        attributes = value.attributes
        for name in (_VALUE, _CONTENT):
            if name in attributes:
                return self.plain(attributes[name], depth + 1)
        if value.is_module or _is_tensor_like(value):
            return None
        if value.items and not value.pairs:
            return [self.plain(each, depth + 1) for each in value.items]
        given = value.arguments[0] if len(value.arguments) == 1 else None
        inner = list(given.items()) if isinstance(given, Mapping) else []
        pairs = [*attributes.items(), *inner, *value.pairs]
        if pairs:
            return self._mapping(pairs, depth)
        # An Enum is created from its value.
        return given if isinstance(given, str | int | float) else None


def numpy_value(value: Described) -> object:
    """The numbers or strings of a described numpy scalar or array as a value or a list; None if it
    is something else, or has another layout than one row."""
    if not value.kind.startswith(_NUMPY):
        return None
    function = value.kind.rpartition(".")[2]
    if function == "scalar" and len(value.arguments) == 2:
        kind, data = value.arguments
        decoded = _decoded(kind, data, 1)
        return decoded[0] if decoded else None
    state = value.state
    if function == "_reconstruct" and isinstance(state, tuple) and len(state) == 5:
        _, shape, kind, _, data = state
        if isinstance(shape, tuple) and len(shape) == 1 and isinstance(shape[0], int):
            if isinstance(data, list):
                return [each for each in data if isinstance(each, str | int | float)]
            return _decoded(kind, data, shape[0])
    return None


def _decoded(kind: object, data: object, count: int) -> list[object] | None:
    """count values of a described numpy dtype, from their bytes."""
    if not isinstance(kind, Described) or not kind.arguments or not isinstance(data, bytes):
        return None
    code = kind.arguments[0]
    state = kind.state
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    sign = ">" if order == ">" else "<"
    if not isinstance(code, str) or count < 0 or count > _MOST_VALUES:
        return None
    if code[:1] == "U" and code[1:].isdigit():
        width = int(code[1:]) * _CHARACTER_BYTES
        if not width or len(data) != width * count:
            return None
        name = "utf-32-be" if sign == ">" else "utf-32-le"
        return [
            data[n * width : (n + 1) * width].decode(name, "replace").rstrip("\0")
            for n in range(count)
        ]
    letter = _STRUCTS.get(code)
    if letter is None or len(data) != struct.calcsize(sign + letter) * count:
        return None
    values = struct.unpack(f"{sign}{count}{letter}", data)
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in values]


def _is_tensor_like(value: Described) -> bool:
    """Whether it is a storage or the result of one of torch's own functions, not settings."""
    return value.kind.startswith(("torch.", "numpy.")) or any(
        isinstance(each, Named) and each.name.startswith("torch.") for each in value.arguments[:1]
    )
