"""Limits the memory that one pass may allocate, if it cannot be estimated beforehand."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import flop_registry

from engine.passes.memory.budget import memory_budget

# Activations of real networks are a small multiple of their weights; small networks always pass.
_FREE = 1500 << 20
_FOR_EACH_BYTE = 20

# Raised by operations whose output size depends on data. Their output is no larger than their input
# (nonzero, unique, masked_select).
_NO_ANSWER = (
    *(NotImplementedError, RuntimeError, TypeError, ValueError, LookupError, AttributeError),
    *(ArithmeticError, AssertionError),
)


class TooLarge(RuntimeError):
    """A pass requested more memory than a network of that size should need."""


def limit_of(module: nn.Module, device: torch.device) -> int:
    """Limit in bytes for all outputs of one pass together: in proportion to the weights, and at
    most half of the free memory."""
    tensors = (*module.parameters(), *module.buffers())
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return min(_FREE + _FOR_EACH_BYTE * weights, memory_budget(device))


class Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that operations are about to allocate; raises TooLarge beyond the limit.

    The size of each output is found by running the operation on torch's meta device, which takes a
    few tenths of a millisecond. Used only for networks that cannot be inspected without data.
    work: an estimate of the operations on numbers so far.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._limit = self._left = limit
        self.work = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False spares the import of torch's compiler, which this mode has nothing to do with."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        self._left -= _bytes_of(func, args, kwargs)
        if self._left < 0:
            raise TooLarge(
                f"one pass needs more than {self._limit / 1e9:.1f} GB; choose a smaller input, "
                "as in --input 3x224x224"
            )
        made = func(*args, **kwargs)
        self.work += _work_of(func, args, kwargs, made)
        return made


def _work_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], made: Any) -> int:
    """Operations on numbers: those of a matrix product or convolution, or one for each element."""
    formula: Any = flop_registry.get(getattr(func, "_overloadpacket", None))
    if formula is not None:
        with contextlib.suppress(*_NO_ANSWER):
            return int(formula(*args, **kwargs, out_val=made))
    return sum(tensor.numel() for tensor in tree_leaves(made) if isinstance(tensor, Tensor))


def _bytes_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Bytes of the new tensors that an operation would return; 0 for views and in-place ones."""
    schema = getattr(func, "_schema", None)
    if schema is None or any(returned.alias_info is not None for returned in schema.returns):
        return 0
    args, kwargs = tree_map_only(Tensor, _without_data, (args, kwargs))
    if "device" in kwargs:
        kwargs["device"] = torch.device("meta")
    try:
        outcome = func(*args, **kwargs)
    except _NO_ANSWER:
        return 0
    found = 0
    for value in outcome if isinstance(outcome, list | tuple) else (outcome,):
        if isinstance(value, Tensor):
            found += math.prod(value.shape) * value.element_size()
    return found


def _without_data(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
