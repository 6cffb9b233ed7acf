"""Reads torch.save and .safetensors files as tensors, plain values and inert descriptions.

A reader process parses the file; no object of it is created or run here.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import WeightsError
from engine.process.collector import not_collecting
from engine.reader import client
from engine.weights.descriptions import Described, Named

_DAMAGED = "the file is truncated or damaged; download or save it again"
# Memory limit of a reader process: a base amount, plus a share per byte of the file.
_MEMORY = 700 << 20
_MEMORY_A_BYTE = 3
# A tensor that repeats values by zero strides may have slightly more elements than the file.
_FREE_ELEMENTS = 1 << 20
_LOOKED_EVERY = 20_000
_KEYS = (str, int, float, bool, bytes, complex, type(None))


@dataclass(frozen=True, slots=True, eq=False)
class TorchFile:
    """content: dicts, lists, tuples, sets, plain values and tensors on the CPU, and Named or
    Described (engine.weights.descriptions) for everything else; objects may be shared and may
    contain themselves. names: classes and functions beyond tensors and plain values that the pickle
    would call, as 'module.name', in order of appearance.
    """

    content: object
    names: tuple[str, ...]


def read(path: Path) -> TorchFile:
    """Read a torch.save file (a ZIP archive or the legacy format) or a .safetensors file.

    Raises WeightsError if it is missing, not a regular file, damaged, a ZIP bomb, or has content
    that no saved network has; Cancelled.
    """
    return Reading(path).result()


class Reading:
    """A read in the background; result() or drop() ends it."""

    def __init__(self, path: Path) -> None:
        try:
            size = path.stat().st_size
        except (OSError, ValueError):
            size = 0
        self._path = path
        self._asked: client.Asked | None = client.begin(
            "torch file",
            WeightsError,
            str(path),
            path=path,
            memory=_MEMORY + _MEMORY_A_BYTE * size,
        )

    def result(self) -> TorchFile:
        """The file's content; call once. Raises the same errors as read."""
        asked, self._asked = self._asked, None
        assert asked is not None
        answer = asked.result()
        start, length = answer.reply["text"]
        with not_collecting():
            root, nodes, names = json.loads(bytes(answer.content[start : start + length]))
            storages = _Storages(self._path, answer)
            content = _Decoder(self._path, nodes, storages).value_of(root)
        return TorchFile(content, tuple(names))

    def drop(self) -> None:
        """Cancel the read unless it has ended."""
        if self._asked is not None:
            self._asked.drop()
            self._asked = None


class _Storages:
    """The shared bytes as tensors."""

    def __init__(self, path: Path, answer: client.Answer) -> None:
        self._path = path
        self._parts: dict[str, list[int]] = answer.reply["parts"]
        self._swapped = bool(answer.reply["swapped"]) != (sys.byteorder == "big")
        content = answer.content
        self._bytes = torch.frombuffer(content, dtype=torch.uint8) if len(content) else None
        self._made: dict[tuple[str, str], Tensor] = {}

    def tensor(self, dtype: str, key: str, offset: int, shape: Any, stride: Any) -> Tensor:
        """The tensor of that shape and stride in a storage. Raises WeightsError."""
        flat = self._flat(dtype, key)
        elements = 1
        for side in shape:
            elements *= side
        last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
        if elements and (last >= len(flat) or elements > len(flat) + _FREE_ELEMENTS):
            raise WeightsError(
                f"{self._path}: claims a tensor of {elements:,} elements, but has only "
                f"{len(flat):,}; download or save it again"
            )
        if not elements:
            return torch.empty(shape, dtype=flat.dtype)
        return flat.as_strided(shape, stride, int(flat.storage_offset()) + offset)

    def _flat(self, dtype: str, key: str) -> Tensor:
        found = self._made.get((dtype, key))
        if found is None:
            found = self._made[dtype, key] = self._read(dtype, key)
        return found

    def _read(self, dtype: str, key: str) -> Tensor:
        kind: torch.dtype | None = getattr(torch, dtype, None)
        if not isinstance(kind, torch.dtype):
            raise WeightsError(
                f"{self._path}: contains the dtype {dtype}, which this version of torch does not "
                "have; save it as float32"
            )
        start, length = self._parts[key]
        if self._bytes is None or not length:
            return torch.empty(0, dtype=kind)
        whole = length - length % kind.itemsize
        raw = self._bytes[start : start + whole]
        if self._swapped and kind.itemsize > 1:
            # The real and imaginary parts of a complex number are swapped separately.
            unit = kind.itemsize // (2 if kind.is_complex else 1)
            raw = raw.view(-1, unit).flip(1).contiguous().view(-1)
        return raw.view(kind)


def _cancellable(nodes: list[list[Any]]) -> Iterator[tuple[int, list[Any]]]:
    """The nodes with their indices. Raises Cancelled."""
    for place, node in enumerate(nodes):
        if place % _LOOKED_EVERY == 0:
            client.raise_if_late()
        yield place, node


class _Decoder:
    """Creates Python values from the nodes of engine.weights.pickle_table, without recursion."""

    def __init__(self, path: Path, nodes: list[list[Any]], storages: _Storages) -> None:
        self._nodes = nodes
        self._storages = storages
        self._made: list[object] = [None] * len(nodes)
        try:
            # Immutable values refer only to earlier nodes; mutable ones are filled afterwards.
            for place, node in _cancellable(nodes):
                self._made[place] = self._empty(node)
            for place, node in _cancellable(nodes):
                self._fill(self._made[place], node)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: {_DAMAGED}") from error

    def value_of(self, value: Any) -> Any:
        return self._made[value[0]] if isinstance(value, list) else value

    def _all(self, values: list[Any]) -> Iterator[Any]:
        return map(self.value_of, values)

    def _empty(self, node: list[Any]) -> object:
        kind = node[0]
        if kind == "str":
            return str(node[1])
        if kind == "bytes":
            return base64.b64decode(node[1])
        if kind == "complex":
            return complex(node[1], node[2])
        if kind == "named":
            return Named(str(node[1]))
        if kind == "list":
            return []
        if kind == "tuple":
            return tuple(self._all(node[1]))
        if kind == "dict":
            plain = all(isinstance(key, _KEYS) for key in self._all(node[1][::2]))
            return {} if plain else Described("builtins.dict")
        if kind in ("set", "frozenset"):
            # Other hashable values may be nested too deeply to hash.
            plain = all(isinstance(value, _KEYS) for value in self._all(node[1]))
            return set() if plain else Described(f"builtins.{kind}")
        if kind == "tensor":
            return self._storages.tensor(*node[1:])
        if kind == "storage":
            return Described("torch.storage", (node[1], node[2], node[3]))
        if kind == "described":
            return Described(str(node[1]))
        raise ValueError(f"unknown node kind {kind!r}")

    def _fill(self, made: object, node: list[Any]) -> None:
        kind = node[0]
        if isinstance(made, list):
            made += self._all(node[1])
        elif isinstance(made, set):
            made |= set(self._all(node[1]))
        elif isinstance(made, dict):
            made.update(self._pairs(node[1]))
        elif isinstance(made, Described) and kind == "dict":
            made.pairs += self._pairs(node[1])
        elif isinstance(made, Described) and kind in ("set", "frozenset"):
            made.items += self._all(node[1])
        elif isinstance(made, Described) and kind == "described":
            made.arguments = tuple(self._all(node[2]))
            keywords = self.value_of(node[3])
            if isinstance(keywords, dict):
                made.keywords = {str(name): value for name, value in keywords.items()}
            made.state = self.value_of(node[4])
            made.items += self._all(node[5])
            made.pairs += self._pairs(node[6])

    def _pairs(self, values: list[Any]) -> list[tuple[Any, Any]]:
        return list(zip(self._all(values[::2]), self._all(values[1::2]), strict=True))
