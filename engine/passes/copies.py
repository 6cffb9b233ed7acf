"""Copies of a network with other tensors: without data, or computed in float32."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.reader import client

_HALF = (torch.float16, torch.bfloat16)


class _Memo(dict[int, Any]):
    """deepcopy's memo, consulted for every object, which makes copying cancellable."""

    def get(self, key: int, default: Any = None) -> Any:
        client.raise_if_late()
        return super().get(key, default)


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy on the meta device: same structure and shapes, no data, no gradients.

    Raises TypeError for a network that cannot be copied; Cancelled.
    """
    memo = _Memo()
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return _copied(module, memo)


def whole_copy(module: nn.Module) -> nn.Module:
    """A copy with tensors of its own, of the same values.

    Raises TypeError for a network that cannot be copied; Cancelled.
    """
    return _copied(module, _Memo())


def half_precision(module: nn.Module) -> str:
    """The name of the 16-bit type of the network's weights ('float16'); '' if it has none."""
    tensors = (*module.parameters(), *module.buffers())
    return next((str(t.dtype).removeprefix("torch.") for t in tensors if t.dtype in _HALF), "")


def in_float32(module: nn.Module) -> nn.Module:
    """A copy with float32 in place of every 16-bit type: parameters, buffers, and attributes that
    are tensors or name a type. Values are exact.

    Raises TypeError for a network that cannot be copied; Cancelled.
    """
    memo = _Memo()
    for tensor in _tensors(module):
        if tensor.dtype in _HALF:
            memo[id(tensor)] = _like(tensor, tensor.detach().float())
    copied = _copied(module, memo)
    for inner in copied.modules():
        for name, value in vars(inner).items():
            if isinstance(value, torch.dtype) and value in _HALF:
                setattr(inner, name, torch.float32)
    return copied


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
    for inner in module.modules():
        yield from (value for value in vars(inner).values() if isinstance(value, Tensor))


def _like(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values, requires_grad=tensor.requires_grad)
    return values


def _copied(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # torch's own metadata of an exported network emit warnings when copied.
            warnings.simplefilter("ignore")
            return copy.deepcopy(module, memo)
    except pickle.PickleError as error:
        raise TypeError(f"the network cannot be copied: {error}") from error
