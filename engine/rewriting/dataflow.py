"""Which tensor each operation of a pass reads and writes, recorded without data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine.lazy.shapes import without_symbols
from engine.passes.copies import meta_copy
from engine.passes.hooks import Call, evaluating, tensors_in, watching
from engine.passes.observation import dtype_of
from engine.progress import CancelToken
from engine.reader import client


@dataclass(slots=True)
class Dataflow:
    """One pass. Tensors are told apart by identity; all of them are kept alive.

    readers: for each tensor, the operations that read it, by name. makers: for each tensor, the
    operation whose first result it is, and the tensors that this read. outputs: what each module
    returned, by call. inputs: the shape of what each convolution or linear layer reads in its first
    call, by name. returned: the tensors that the network returned.
    """

    readers: dict[int, list[str]] = field(default_factory=dict)
    makers: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    outputs: dict[Call, int] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    returned: set[int] = field(default_factory=set)
    _alive: list[object] = field(default_factory=list)

    def readers_of(self, tensor: int) -> list[str]:
        return self.readers.get(tensor, [])


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, flow: Dataflow, cancel: CancelToken | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._flow = flow
        self._cancel = cancel

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False spares the import of torch's compiler, which this mode has nothing to do with."""
        return False

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        del types
        client.raise_if_late()
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        flow = self._flow
        result = function(*args, **(kwargs or {}))
        read = [id(tensor) for tensor in _tensors((args, kwargs or {}))]
        name = function.name()
        for each in read:
            flow.readers.setdefault(each, []).append(name)
        first = next(_tensors(result), None)
        if first is not None:
            # An in-place operation returns what it read, which has a maker already.
            flow.makers.setdefault(id(first), (name, tuple(read)))
        flow._alive.append((args, kwargs, result))
        return result


def dataflow_of(
    module: nn.Module, input_shape: tuple[int, ...], cancel: CancelToken | None = None
) -> Dataflow:
    """Record a pass of a copy without data, for an input (1, channels, h, w) in channels-last
    memory format.

    Raises what the network raises if it cannot run so, and Cancelled between two operations.
    """
    shadow = meta_copy(module)
    flow = Dataflow()

    def visit(call: Call, _module: nn.Module, output: Tensor) -> None:
        flow.outputs[call] = id(output)
        flow._alive.append(output)

    for name, layer in shadow.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_pre_hook(_noting(flow.inputs, name))

    with (
        torch.inference_mode(False),
        torch.no_grad(),
        without_symbols(),
        evaluating(shadow),
        watching(shadow, visit),
    ):
        image = torch.zeros(input_shape, device="meta", dtype=dtype_of(module))
        with _Recorder(flow, cancel):
            output = shadow(image.to(memory_format=torch.channels_last))
    flow._alive += [shadow, output]
    flow.returned = {id(tensor) for _, tensor in tensors_in(output)}
    return flow


def _noting(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[[nn.Module, Any], None]:
    def note(_layer: nn.Module, inputs: Any) -> None:
        shapes.setdefault(name, tuple(inputs[0].shape) if inputs else ())

    return note


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)
