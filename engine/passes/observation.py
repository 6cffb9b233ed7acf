"""Observes a forward pass: every output, its autograd node and its storage.

A copy of the network on torch's meta device has shapes but no data, so that such a pass costs next
to nothing. A network that cannot run without data is run for real.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError, one_line
from engine.lazy.shapes import without_symbols
from engine.passes.below.attention import AttentionShapes, Shape
from engine.passes.copies import meta_copy
from engine.passes.cuts import uncut
from engine.passes.endings import Endings
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating, watching
from engine.passes.memory.allocation import Bounded, limit_of
from engine.reader import client

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Observation:
    """One pass: its calls in order, the network's output, and its final activations.

    entry: the autograd node of the input, where every way of the image begins.
    cut: gradient cuts in the network's own code had to be disabled.
    real: the network could not run without data, and was run for real.
    attention: the shapes of all its attention.
    """

    seen: list[Seen]
    output: Any
    endings: Endings
    entry: object
    cut: bool
    attention: frozenset[Shape]
    real: bool = False


@dataclass(slots=True)
class Seen:
    """A call's output and its properties at the moment of its return.

    part: which part of a tuple or mapping the tensor is, as text; '' if it is the whole.
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
    """Observe a pass, with gradient cuts disabled if the network has any.

    Raises ModelError if the network does not run on such an input.
    """
    plain = _observe_cheaply(module, input_shape, device)
    unvarying = sum(item.node is None for item in plain.seen)
    if any(item.node is None and len(item.shape) in (3, 4) for item in plain.seen):
        try:
            again = _observe_cheaply(module, input_shape, device, cut=True)
        except ModelError as error:
            _log.info("the network fails if its gradient cuts are disabled: %s", error)
            return plain
        if sum(item.node is None for item in again.seen) < unvarying:
            return again
    return plain


def _observe_cheaply(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device, cut: bool = False
) -> Observation:
    """One pass on the meta device, or for real if the network cannot run without data."""
    try:
        with without_symbols():
            return _observe(meta_copy(module), input_shape, torch.device("meta"), cut)
    except NETWORK_ERRORS as error:
        _log.info("no pass on the meta device (%s); inspecting with a grey image", error)
    try:
        with Bounded(limit_of(module, device)):
            found = _observe(module, input_shape, device, cut)
        found.real = True
        return found
    except NETWORK_ERRORS as error:
        first = one_line(error)
        raise ModelError(
            f"the network does not run on an input of shape {input_shape}: {first}; choose "
            "another input"
        ) from error


def shapes_when(module: nn.Module, input_shape: tuple[int, ...]) -> dict[Call, tuple[int, ...]]:
    """Output shapes for another input size; empty if the network's input size is fixed."""
    shapes: dict[Call, tuple[int, ...]] = {}

    def visit(call: Call, _module: nn.Module, output: Tensor) -> None:
        client.raise_if_late()
        shapes[call] = tuple(output.shape)

    try:
        shadow = meta_copy(module)
        with without_symbols(), torch.no_grad(), evaluating(shadow), watching(shadow, visit):
            shadow(torch.zeros(input_shape, device="meta", dtype=dtype_of(module)))
    except NETWORK_ERRORS as error:
        _log.info("the network does not accept another input size: %s", error)
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
        AttentionShapes() as attention,
        Endings() as endings,
    ):
        leaf = torch.zeros(input_shape, device=device, dtype=dtype_of(module), requires_grad=True)
        # A clone, since a network may change its input in place, which a leaf forbids.
        given = leaf.clone()
        entry = given.grad_fn
        output = module(given)
    return Observation(seen, output, endings, entry, cut, frozenset(attention.seen))


def _base(tensor: Tensor) -> int:
    """Identity of the tensor that this one is a view of, or of itself if it is not a view.

    In-place operations change the values, so the version counter is part of the identity.
    """
    owner = tensor._base if tensor._is_view() and tensor._base is not None else tensor
    return hash((id(owner), tensor._version))


def dtype_of(module: nn.Module) -> torch.dtype:
    """The floating-point dtype the network computes in: that of its first such parameter."""
    tensors: Iterable[Tensor] = (*module.parameters(), *module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
