"""A pass through a network that is watched: every output, and what it is made of.

A copy of the network on torch's meta device holds shapes and no data, so that such a pass costs
next to nothing. A network that cannot do without data is watched for real.
"""

from __future__ import annotations

import copy
import logging
import pickle
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError, one_line
from engine.passes.allocation import Bounded, limit_of
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating, uncut, watching
from engine.passes.outputs import Endings
from engine.reader import client

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Observation:
    """One pass: its calls in order, what the network returned, and how it may have ended.

    cut: gradients had to be let through where the network's own code cuts them off.
    real: the network could not do without data, and was run for real.
    """

    seen: list[Seen]
    output: Any
    endings: Endings
    cut: bool
    real: bool = False


@dataclass(slots=True)
class Seen:
    """A call's output and what has to be noted of it at the moment of its return.

    part: which part of a tuple or mapping the tensor is, in words; '' where it is the whole.
    """

    call: Call
    module: nn.Module
    tensor: Tensor
    version: int
    shape: tuple[int, ...]
    node: object
    source: Call
    base: int
    part: str


def observe_uncut(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device
) -> Observation:
    """A pass, with gradients let through if the network cuts them off.

    Raises ModelError where the network does not run on such an input.
    """
    plain = _observe_cheaply(module, input_shape, device)
    unvarying = sum(item.node is None for item in plain.seen)
    if any(item.node is None and len(item.shape) in (3, 4) for item in plain.seen):
        try:
            again = _observe_cheaply(module, input_shape, device, cut=True)
        except ModelError as error:
            _log.info("the network runs only with its gradients cut off: %s", error)
            return plain
        if sum(item.node is None for item in again.seen) < unvarying:
            return again
    return plain


def _observe_cheaply(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device, cut: bool = False
) -> Observation:
    """One pass on the meta device, or for real where the network cannot do without data."""
    try:
        shadow = meta_copy(module)
        return _observe(shadow, input_shape, torch.device("meta"), cut)
    except NETWORK_ERRORS as error:
        _log.info("no pass without data (%s); inspecting with a grey picture", error)
    try:
        with Bounded(limit_of(module, device)):
            found = _observe(module, input_shape, device, cut)
        found.real = True
        return found
    except NETWORK_ERRORS as error:
        first = one_line(error)
        raise ModelError(
            f"the network does not run on an input of shape {input_shape}: {first}"
        ) from error


def shapes_when(module: nn.Module, input_shape: tuple[int, ...]) -> dict[Call, tuple[int, ...]]:
    """Output shapes for another input size; empty where the network takes no other."""
    shapes: dict[Call, tuple[int, ...]] = {}

    def visit(call: Call, _module: nn.Module, output: Tensor) -> None:
        client.raise_if_late()
        shapes[call] = tuple(output.shape)

    try:
        shadow = meta_copy(module)
        with torch.no_grad(), evaluating(shadow), watching(shadow, visit):
            shadow(torch.zeros(input_shape, device="meta", dtype=dtype_of(module)))
    except NETWORK_ERRORS as error:
        _log.info("the network takes no other input size: %s", error)
        return {}
    return shapes


def _observe(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device, cut: bool
) -> Observation:
    seen: list[Seen] = []
    known: dict[int, Seen] = {}
    parts: dict[Call, str] = {}

    def visit(call: Call, inner: nn.Module, output: Tensor) -> None:
        client.raise_if_late()
        earlier = known.get(id(output))
        same = earlier is not None and earlier.version == output._version
        item = Seen(
            call=call,
            module=inner,
            tensor=output,
            version=output._version,
            shape=tuple(output.shape),
            node=output.grad_fn,
            source=earlier.source if same and earlier is not None else call,
            base=_base(output),
            part=parts.get(call, ""),
        )
        known[id(output)] = item
        seen.append(item)

    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        evaluating(module),
        watching(module, visit, parts=parts),
        uncut(cut),
        Endings() as endings,
    ):
        leaf = torch.zeros(input_shape, device=device, dtype=dtype_of(module), requires_grad=True)
        # A clone, since a network may change its input in place, which a leaf forbids.
        output = module(leaf.clone())
    return Observation(seen, output, endings, cut)


def _base(tensor: Tensor) -> int:
    """Identity of the tensor that this one is a view of, or of itself when it is none.

    An in-place operation gives a tensor new values, so its version is part of the identity.
    """
    owner = tensor._base if tensor._is_view() and tensor._base is not None else tensor
    return hash((id(owner), tensor._version))


class _Memo(dict[int, Any]):
    """What deepcopy looks into for every object: copying tens of thousands of layers can stop."""

    def get(self, key: int, default: Any = None) -> Any:
        client.raise_if_late()
        return super().get(key, default)


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy with the same structure and shapes whose tensors hold no data and want no gradient.

    Raises TypeError for a network that holds something which cannot be copied; Cancelled.
    """
    memo = _Memo()
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    try:
        with warnings.catch_warnings():
            # torch's own records of an exported network warn of themselves when they are copied.
            warnings.simplefilter("ignore")
            return copy.deepcopy(module, memo)
    except pickle.PickleError as error:
        raise TypeError(f"the network cannot be copied: {error}") from error


def dtype_of(module: nn.Module) -> torch.dtype:
    """The floating type the network computes in: that of its first floating parameter."""
    tensors: Iterable[Tensor] = (*module.parameters(), *module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
