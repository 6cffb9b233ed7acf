"""What one forward pass does, found out without computing it.

A copy of the network on torch's meta device holds shapes and no data. A pass through it tells
which modules are called how often, what shape each output has, which modules return the very same
tensor, which outputs a later in-place operation overwrites, and which outputs the logits depend
on. A second pass with a larger, oblong input tells which axes are space: those that grow with it.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.axes import Axes, axes_by_growth, axes_by_kind
from engine.errors import ModelError
from engine.records import Layout
from engine.tap import NETWORK_ERRORS, Call, evaluating, logits_of, uncut, watching

_log = logging.getLogger(__name__)

# Rows and columns grow by different factors, so that a transposed grid is noticed.
_GROWTH = (2, 3)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call of one module.

    shape: of its output, batch axis included. bytes: size of the output.
    source: the first call that returned this very tensor, unchanged since; often itself.
    overwritten: a later in-place operation changes the output.
    varies: the output depends on the image. reached: the logits depend on the output.
    derived: the output is made by pooling, or is another view of a spatial output seen before.
    axes: which axes are space, None where the output has none.
    """

    call: Call
    shape: tuple[int, ...]
    bytes: int
    source: Call
    overwritten: bool
    varies: bool
    reached: bool
    derived: bool
    axes: Axes | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """All calls of one forward pass, in order, and the number of classes.

    cut: the network's own code cuts gradients off (no_grad, detach); the facts are those of a
    pass where that has no effect.
    """

    calls: dict[Call, CallFacts]
    counts: dict[str, int]
    classes: int
    cut: bool = False

    def last(self, name: str) -> CallFacts | None:
        """The last call of the module, None when it returned no tensor or was not called."""
        return self.calls.get((name, self.counts.get(name, 0) - 1))

    def overwritten(self) -> frozenset[Call]:
        return frozenset(call for call, facts in self.calls.items() if facts.overwritten)


@dataclass(slots=True)
class _Seen:
    """A call's output and what has to be noted of it at the moment of its return."""

    call: Call
    module: nn.Module
    tensor: Tensor
    version: int
    shape: tuple[int, ...]
    node: object
    source: Call
    base: int


def inspect(module: nn.Module, input_shape: tuple[int, ...], device: torch.device) -> Inspection:
    """Find out what a forward pass of an input of shape (1, channels, h, w) does.

    The module's parameters, modes and hooks are as before. Raises ModelError when a pass fails.
    """
    seen, logits, cut = _observe_uncut(module, input_shape, device)
    grown = (*input_shape[:2], input_shape[2] * _GROWTH[0], input_shape[3] * _GROWTH[1])
    larger = _shapes_when(module, grown)
    reached = _nodes_before(logits.grad_fn)
    calls: dict[Call, CallFacts] = {}
    spatial_bases: set[int] = set()
    for item in seen:
        bigger = larger.get(item.call)
        axes = axes_by_growth(item.shape, bigger) if bigger is not None else None
        if axes is None:
            axes = _axes_without_growth(item, bigger, input_shape, calls)
        if item.source in calls:
            derived = calls[item.source].derived
        else:
            derived = item.base in spatial_bases or "Pool" in type(item.module).__name__
        if axes is not None:
            spatial_bases.add(item.base)
        calls[item.call] = CallFacts(
            call=item.call,
            shape=item.shape,
            bytes=item.tensor.numel() * item.tensor.element_size(),
            source=item.source,
            overwritten=item.tensor._version != item.version,
            varies=item.node is not None,
            reached=item.node in reached,
            derived=derived,
            axes=axes,
        )
    counts: dict[str, int] = {}
    for name, index in calls:
        counts[name] = max(counts.get(name, 0), index + 1)
    return Inspection(calls, counts, int(logits.shape[1]), cut)


def _axes_without_growth(
    item: _Seen,
    bigger: tuple[int, ...] | None,
    input_shape: tuple[int, ...],
    before: dict[Call, CallFacts],
) -> Axes | None:
    """For outputs whose shape says nothing: a fixed-size network, or a grid of a fixed size."""
    if bigger is not None and bigger != item.shape:
        return None  # it did grow, but not along two axes
    same = before.get(item.source)
    if same is not None:
        return same.axes
    neighbour = next((f.axes for f in reversed(before.values()) if f.shape == item.shape), None)
    return axes_by_kind(item.module, item.shape, input_shape, neighbour)


def _observe_uncut(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device
) -> tuple[list[_Seen], Tensor, bool]:
    """A pass, and whether gradients had to be let through where the network cuts them off."""
    seen, logits = _observe_cheaply(module, input_shape, device)
    unvarying = sum(item.node is None for item in seen)
    if any(item.node is None and len(item.shape) == 4 for item in seen):
        try:
            again, logits_again = _observe_cheaply(module, input_shape, device, cut=True)
        except ModelError as error:
            _log.info("the network runs only with its gradients cut off: %s", error)
            return seen, logits, False
        if sum(item.node is None for item in again) < unvarying:
            return again, logits_again, True
    return seen, logits, False


def _observe_cheaply(
    module: nn.Module, input_shape: tuple[int, ...], device: torch.device, cut: bool = False
) -> tuple[list[_Seen], Tensor]:
    """One pass on the meta device, or for real where the network cannot do without data."""
    try:
        shadow = meta_copy(module)
        return _observe(shadow, input_shape, torch.device("meta"), cut)
    except NETWORK_ERRORS as error:
        _log.info("no pass without data (%s); inspecting with a grey picture", error)
    try:
        return _observe(module, input_shape, device, cut)
    except NETWORK_ERRORS as error:
        first = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"the network does not run on an input of shape {input_shape}: {first}"
        ) from error


def _shapes_when(module: nn.Module, input_shape: tuple[int, ...]) -> dict[Call, tuple[int, ...]]:
    """Output shapes for another input size; empty where the network takes no other."""
    shapes: dict[Call, tuple[int, ...]] = {}

    def visit(call: Call, _module: nn.Module, output: Tensor) -> None:
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
) -> tuple[list[_Seen], Tensor]:
    seen: list[_Seen] = []
    known: dict[int, _Seen] = {}

    def visit(call: Call, inner: nn.Module, output: Tensor) -> None:
        earlier = known.get(id(output))
        same = earlier is not None and earlier.version == output._version
        item = _Seen(
            call=call,
            module=inner,
            tensor=output,
            version=output._version,
            shape=tuple(output.shape),
            node=output.grad_fn,
            source=earlier.source if same and earlier is not None else call,
            base=_base(output),
        )
        known[id(output)] = item
        seen.append(item)

    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        evaluating(module),
        watching(module, visit),
        uncut(cut),
    ):
        leaf = torch.zeros(input_shape, device=device, dtype=dtype_of(module), requires_grad=True)
        # A clone, since a network may change its input in place, which a leaf forbids.
        logits = logits_of(module(leaf.clone()))
    return seen, logits


def _base(tensor: Tensor) -> int:
    """Identity of the tensor that this one is a view of, or of itself when it is none.

    An in-place operation gives a tensor new values, so its version is part of the identity.
    """
    owner = tensor._base if tensor._is_view() and tensor._base is not None else tensor
    return hash((id(owner), tensor._version))


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy with the same structure and shapes whose tensors hold no data and want no gradient."""
    memo: dict[int, object] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(module, memo)


def dtype_of(module: nn.Module) -> torch.dtype:
    """The floating type the network computes in: that of its first floating parameter."""
    tensors: Iterable[Tensor] = (*module.parameters(), *module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)


def _nodes_before(root: object) -> set[object]:
    """Every node of the autograd graph that the root depends on."""
    found: set[object] = set()
    open_nodes = [root] if root is not None else []
    while open_nodes:
        node = open_nodes.pop()
        if node in found:
            continue
        found.add(node)
        open_nodes += [parent for parent, _ in node.next_functions if parent is not None]  # type: ignore[attr-defined]
    return found


__all__ = ["CallFacts", "Inspection", "Layout", "dtype_of", "inspect", "meta_copy"]
