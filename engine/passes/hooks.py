"""Forward hooks that record every module call of one pass, and are always removed afterwards.

A call is addressed by (module name, k), where k counts the calls of that module within one pass.
The one subtlety is in-place operations. A later operation may overwrite a module's output (an
in-place ReLU, `out += identity`), so that a kept output no longer is what the module returned.
Therefore the hook can pass on a clone and keep the original.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import FOREIGN_ERRORS, HookscopeError, one_line
from engine.passes.cuts import uncheckpointed
from engine.passes.modules import below, each
from engine.progress import CancelToken

Call = tuple[str, int]
"""(module name, index of the call)."""

NETWORK_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a network's own code may raise for an unsuitable input."""

Visit = Callable[[Call, nn.Module, Tensor], Tensor | None]
"""Receives a call's output tensor; a tensor that it returns replaces the output."""


def members(output: Any) -> dict[str, Any]:
    """The members of a tuple, list, mapping or dataclass, by name or position; else none."""
    if isinstance(output, Mapping):
        return {str(key): value for key, value in output.items()}
    if isinstance(output, list | tuple):
        names = getattr(output, "_fields", None) or range(len(output))
        return {str(name): value for name, value in zip(names, output, strict=True)}
    if is_dataclass(output) and not isinstance(output, type):
        return {f.name: getattr(output, f.name, None) for f in fields(output)}
    return {}


def tensors_in(output: Any) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors of an output with their paths ('', '0', 'aux.logits'), depth
    first."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield "", output
        return
    for name, value in members(output).items():
        for way, tensor in tensors_in(value):
            yield f"{name}.{way}" if way else name, tensor


def first_tensor(output: Any) -> Tensor | None:
    """The first floating-point tensor in a module's output, depth first."""
    return next((tensor for _, tensor in tensors_in(output)), None)


def replaced(output: Any, old: Tensor, new: Tensor) -> Any:
    """The output with every occurrence of old replaced by new."""
    if output is old:
        return new
    if isinstance(output, tuple):
        values = [replaced(value, old, new) for value in output]
        # A named tuple's class takes its fields as separate arguments.
        return type(output)(*values) if hasattr(output, "_fields") else tuple(values)
    if isinstance(output, list):
        return [replaced(value, old, new) for value in output]
    changed: dict[Any, Any] = {}
    if isinstance(output, MutableMapping):
        changed = {key: replaced(value, old, new) for key, value in output.items()}
    elif is_dataclass(output) and not isinstance(output, type):
        changed = {name: replaced(value, old, new) for name, value in members(output).items()}
    if not changed:
        return output
    # A copy, since the constructor of its class may take other arguments.
    result: Any = copy.copy(output)
    for key, value in changed.items():
        if isinstance(output, MutableMapping):
            result[key] = value
        else:
            object.__setattr__(result, key, value)
    return result


@contextmanager
def watching(
    module: nn.Module,
    visit: Visit,
    cancel: CancelToken | None = None,
    names: Collection[str] | None = None,
    parts: dict[Call, str] | None = None,
) -> Iterator[None]:
    """Call visit for every output of every named module inside the with block.

    names: the modules to watch; None for all. A hook costs a few microseconds per call, which for a
    small network with hundreds of modules is a tenth of the forward pass. parts: filled with the
    part that is visited, as text, for each call that returned a tuple or mapping.

    Checkpointed parts of the network run plainly. The hooks are removed in any case. Raises
    Cancelled from within the forward pass once the token is set.
    """
    counts: dict[str, int] = {}
    handles = []

    def hook_for(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(inner: nn.Module, _inputs: Any, output: Any) -> Any:
            if cancel is not None:
                cancel.raise_if_cancelled()
            index = counts.get(name, 0)
            counts[name] = index + 1
            # Mostly it is one tensor, and a generator less in each of hundreds of calls counts.
            single = isinstance(output, Tensor) and output.is_floating_point()
            tensor = output if single else first_tensor(output)
            if tensor is None:
                return None
            if parts is not None and tensor is not output:
                parts[name, index] = _part(output)
            handed = visit((name, index), inner, tensor)
            return None if handed is None else replaced(output, tensor, handed)

        return hook

    try:
        watched = module.named_modules() if names is None else _named(module, names)
        for name, inner in watched:
            # Scripted modules support no hooks; the network around them does.
            if name and not isinstance(inner, torch.jit.ScriptModule):
                handles.append(inner.register_forward_hook(hook_for(name)))
        with _known_errors(), uncheckpointed():
            yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _known_errors() -> Iterator[None]:
    """Turn any other exception of the network's code, even SystemExit, into a RuntimeError."""
    try:
        yield
    except (*NETWORK_ERRORS, HookscopeError, MemoryError):
        raise
    except FOREIGN_ERRORS as error:
        raise RuntimeError(f"{type(error).__name__}: {one_line(error)}") from error


def _part(output: Any) -> str:
    """The position of the first tensor in a structure, as in 'output 0 of 2'."""
    way = next(way for way, _ in tensors_in(output))
    return f"output {way} of {len(members(output))}"


def _named(module: nn.Module, names: Collection[str]) -> Iterator[tuple[str, nn.Module]]:
    for name in names:
        yield name, below(module, name)


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Eval mode for the with block; every module's own mode is restored afterwards.

    networks: which may share modules.
    """
    # A frozen TorchScript program has no modes.
    training = [inner for inner in each(*networks) if getattr(inner, "training", False)]
    try:
        for inner in training:
            _set_mode(inner, training=False)
        yield
    finally:
        for inner in training:
            _set_mode(inner, training=True)


def _set_mode(module: nn.Module, *, training: bool) -> None:
    """Set a module's mode. torch's own way looks for parameters first, which every pass would."""
    own = vars(module)
    if "training" in own:
        own["training"] = training
    else:
        # Of a TorchScript program, which keeps it elsewhere.
        module.training = training


@dataclass(slots=True)
class Kept:
    """An output as its module returned it, and its version counter at that moment.

    copied: whether the network went on with a clone.
    """

    tensor: Tensor
    version: int
    copied: bool = False

    @property
    def overwritten(self) -> bool:
        return self.tensor._version != self.version


@dataclass(slots=True)
class Keeper:
    """A Visit that keeps the outputs of one pass, from one call on or from the input.

    start: the call at which the graph starts: its output is detached and requires a gradient, and
        operations are recorded from there on. None: the graph starts at the caller's input.
    wanted: the calls to keep; clones: those that pass on a clone, since a later operation
        overwrites their output.
    kept: filled during the pass; modules that return the same tensor share one Kept.
    started: told of what the network goes on with from the start.
    """

    start: Call | None
    wanted: Collection[Call]
    clones: Collection[Call]
    started: Callable[[Tensor], None] | None = None
    kept: dict[Call, Kept] = field(default_factory=dict)
    _handed: dict[int, tuple[Tensor, int, Kept]] = field(default_factory=dict)

    def __call__(self, call: Call, module: nn.Module, output: Tensor) -> Tensor | None:
        del module
        if call == self.start:
            # The operator itself, since `uncut` disables the method.
            output = torch.ops.aten.detach.default(output).requires_grad_()
            torch.set_grad_enabled(True)
            handed = self._keep(call, output)
            if self.started is not None:
                self.started(handed)
            return handed
        if call not in self.wanted or not output.requires_grad:
            return None
        earlier = self._handed.get(id(output))
        if earlier is not None and output._version == earlier[1]:
            self.kept[call] = earlier[2]
            return None
        handed = self._keep(call, output)
        return None if handed is output else handed

    def _keep(self, call: Call, output: Tensor) -> Tensor:
        kept = self.kept[call] = Kept(output, output._version)
        handed = output.clone() if call in self.clones else output
        kept.copied = handed is not output
        # The tuple keeps the tensor alive, so that its id is not reused.
        self._handed[id(handed)] = (handed, handed._version, kept)
        return handed

    def overwritten(self) -> set[Call]:
        """The calls whose kept output was changed after the module had returned it."""
        return {call for call, kept in self.kept.items() if kept.overwritten}

    def end_of_forward(self) -> None:
        """Release what only the forward pass needed."""
        self._handed.clear()
