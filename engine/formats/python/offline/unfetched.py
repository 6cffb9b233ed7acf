"""The state that a fetch returns: it has no keys, and changes no tensor that it is copied to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

# Longer than the shape of any weight, so that code may look at each of its sides.
_NO_SHAPE = torch.Size((0,) * 8)
_SHAPE = Tensor.shape.__get__  # type: ignore[attr-defined]


class Unfetched(dict[str, Any]):
    """A state dict or checkpoint without keys; whatever it is asked for is Absent."""

    def __missing__(self, key: str) -> Absent:
        return absent()

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str, default: Any = None) -> Any:
        return super().pop(key, default)


class Absent(Tensor):
    """An entry of a state that was not fetched: a tensor, or a nested state without keys.

    Operations on it return it again, and those that would write it into another tensor leave that
    one unchanged.
    """

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is _SHAPE or (func is Tensor.size and len(args) == 1 and not kwargs):
            return _NO_SHAPE
        if func in (Tensor.size, Tensor.numel, Tensor.dim, Tensor.item):
            return 0
        if args and isinstance(args[0], Tensor) and not isinstance(args[0], Absent):
            return args[0]
        return absent()

    def __getitem__(self, key: Any) -> Absent:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __delitem__(self, key: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, key: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return False

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return "<not fetched>"

    def keys(self) -> tuple[str, ...]:
        return ()

    def items(self) -> tuple[tuple[str, Any], ...]:
        return ()

    def values(self) -> Any:
        return ()

    def get(self, _key: str, default: Any = None) -> Any:
        return default

    def pop(self, _key: str, default: Any = None) -> Any:
        return default

    def update(self, *others: Any, **more: Any) -> None:
        pass


def absent() -> Absent:
    with torch._C.DisableTorchFunction():
        made: Absent = Tensor._make_subclass(Absent, torch.empty(0))
    return made


def fetched_part(state: Any) -> Any:
    """A state without its absent entries; an empty one for what was not fetched at all."""
    if isinstance(state, Absent):
        return {}
    if isinstance(state, Mapping) and any(isinstance(value, Absent) for value in state.values()):
        return {key: value for key, value in state.items() if not isinstance(value, Absent)}
    return state
