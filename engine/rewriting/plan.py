"""Finds what may be rewritten: modules with one reader, whose operations can be made one.

A batch norm in inference is a scale and a shift of each channel, so that a convolution before it
can have both in its own kernel and bias (Jacob et al. 2018, section 3.2). An activation can be
computed as the numbers are written. Either holds only if nothing else reads what lies between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from engine.passes.hooks import Call
from engine.rewriting.dataflow import Dataflow

ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "hardtanh",
    nn.SiLU: "swish",
    nn.Hardswish: "hardswish",
    nn.GELU: "gelu",
}
"""Activations that can be part of another operation, with oneDNN's name for them."""

LAYERS: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear)

_IN_PLACE = ("aten::relu_", "aten::hardtanh_", "aten::silu_", "aten::hardswish_")


@dataclass(frozen=True, slots=True)
class Chain:
    """A convolution or linear layer, and the modules that can be part of it.

    names: the layer itself, then a batch norm, an activation, as far as there are any. input_shape:
    of what the layer reads.
    """

    names: tuple[str, ...]
    input_shape: tuple[int, ...]


def chains_of(module: nn.Module, flow: Dataflow, counts: Mapping[str, int]) -> tuple[Chain, ...]:
    """The chains of a network; a layer that nothing can be added to is a chain of its own.

    counts: how often each module is called.
    """
    shared = _registered_twice(module)
    modules = {
        name: inner
        for name, inner in module.named_modules()
        if is_plain(inner) and inner not in shared and (name, 0) in flow.outputs
    }
    once = {name for name in modules if counts.get(name) == 1}
    returning: dict[int, list[str]] = {}
    for name in once:
        returning.setdefault(flow.outputs[name, 0], []).append(name)
    reading: dict[int, list[int]] = {}
    for tensor, (_, read) in flow.makers.items():
        for other in read:
            reading.setdefault(other, []).append(tensor)
    chains = []
    for name, inner in modules.items():
        if type(inner) in LAYERS:
            names = [name]
            if name in once:
                names += _followers(name, modules, flow, returning, reading)
            chains.append(Chain(tuple(names), flow.inputs[name]))
    return tuple(chains)


def is_plain(module: nn.Module) -> bool:
    """Whether the module does what its class does, in float32: an exact type, without hooks."""
    if type(module) not in (*LAYERS, *ACTIVATIONS, nn.BatchNorm2d):
        return False
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    if any(hooks) or "forward" in vars(module):
        return False
    if any(tensor.dtype != torch.float32 for tensor in module.parameters(recurse=False)):
        return False
    if isinstance(module, nn.Conv2d):
        return module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if isinstance(module, nn.BatchNorm2d):
        return module.track_running_stats and module.running_mean is not None
    return True


def _followers(
    layer: str,
    modules: Mapping[str, nn.Module],
    flow: Dataflow,
    returning: Mapping[int, list[str]],
    reading: Mapping[int, list[int]],
) -> Iterator[str]:
    """Batch norm and activation that follow, each the only reader of what comes before it."""
    linear = isinstance(modules[layer], nn.Linear)
    kinds = set(ACTIVATIONS) if linear else {nn.BatchNorm2d, *ACTIVATIONS}
    output = flow.outputs[layer, 0]
    while output not in flow.returned:
        readers = flow.readers_of(output)
        if readers and readers[0] in _IN_PLACE:
            # What comes later reads the numbers that the activation has written.
            normed = False
        elif len(readers) == 1 and len(reading.get(output, ())) == 1:
            (output,) = reading[output]
            normed = "batch_norm" in flow.makers[output][0]
        else:
            return
        # After an activation in place, the modules before it have returned the same tensor.
        found = [
            name
            for name in returning.get(output, ())
            if type(modules[name]) in kinds and isinstance(modules[name], nn.BatchNorm2d) == normed
        ]
        if len(found) != 1:
            return
        yield found[0]
        kind = type(modules[found[0]])
        if kind in ACTIVATIONS:
            return
        kinds = set(ACTIVATIONS)


def _registered_twice(module: nn.Module) -> set[nn.Module]:
    """The modules that have several names."""
    seen: set[nn.Module] = set()
    twice: set[nn.Module] = set()
    for _, inner in module.named_modules(remove_duplicate=False):
        (twice if inner in seen else seen).add(inner)
    return twice


def before(calls: Iterable[Call], start: Call) -> frozenset[str]:
    """The modules all of whose calls have returned when the start's call returns."""
    done: set[str] = set()
    late: set[str] = set()
    reached = False
    for name, index in calls:
        (late if reached else done).add(name)
        reached = reached or (name, index) == start
    return frozenset(done - late) if reached else frozenset()
