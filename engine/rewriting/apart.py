"""Activations that write into memory of their own instead of overwriting what they read.

A pass that keeps every layer's output has to hand on a copy of each that is overwritten later, and
autograd makes one more of what it needs. Where nothing but an activation reads an output, the
activation can as well leave it alone: the numbers are the same, and both copies are spared.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from engine.passes.hooks import Call
from engine.rewriting.dataflow import Dataflow
from engine.rewriting.twin import twin

# What these return is memory of their own and nothing else's.
_FRESH = (
    *("convolution", "batch_norm", "layer_norm", "group_norm", "addmm", "linear", "aten::cat"),
    *("aten::add.Tensor", "aten::mul.Tensor"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A network that shares everything with another but some activations and layers.

    released: the calls whose output is not overwritten any more. other_gradients: whether layers
    have another way to their gradient, which rounds otherwise.
    """

    module: nn.Module
    released: frozenset[Call]
    other_gradients: bool = False


def copies_of(module: nn.Module) -> dict[str, nn.Module]:
    """Copies of all activations that work in place, by name, that do not."""
    made: dict[str, nn.Module] = {}
    for name, inner in module.named_modules():
        known = type(inner).__module__ == "torch.nn.modules.activation"
        if name and known and getattr(inner, "inplace", False) is True and not _hooked(inner):
            made[name] = copied = copy.copy(inner)
            copied.__dict__["inplace"] = False
    return made


def apart(
    module: nn.Module,
    copies: Mapping[str, nn.Module],
    flow: Dataflow,
    overwritten: frozenset[Call],
) -> Apart | None:
    """The network with those of the copies that change nothing; None if none is of use.

    flow: of a pass with all copies in place. overwritten: the calls whose output the network itself
    overwrites.
    """
    calls: dict[str, list[Call]] = {}
    for call in flow.outputs:
        if call[0] in copies:
            calls.setdefault(call[0], []).append(call)
    used = {
        name: copies[name]
        for name, own in calls.items()
        if all(_is_last_reader(flow, call) for call in own)
    }
    alone = {
        tensor
        for name in used
        for call in calls[name]
        for tensor in _read(flow, call)
        if len(flow.readers_of(tensor)) == 1
    }
    released = frozenset(call for call in overwritten if flow.outputs.get(call) in alone)
    return Apart(twin(module, used), released) if released else None


def _is_last_reader(flow: Dataflow, call: Call) -> bool:
    """Whether nothing reads what the activation read after it, by any name."""
    own = flow.makers.get(flow.outputs[call])
    tensors = [*_read(flow, call)]
    if own is None or len(tensors) != 1 or tensors[0] in flow.returned:
        return False
    made = flow.makers.get(tensors[0])
    *before, last = flow.readers_of(tensors[0])
    writing = all(name.partition(".")[0].endswith("_") for name in before)
    fresh = made is not None and any(kind in made[0] for kind in _FRESH)
    return last == own[0] and writing and fresh


def _read(flow: Dataflow, call: Call) -> Iterator[int]:
    made = flow.makers.get(flow.outputs[call])
    if made is not None:
        yield from made[1]


def _hooked(module: nn.Module) -> bool:
    return any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
