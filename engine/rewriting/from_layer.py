"""Passes that start at a layer: what was computed before it is stored, and answers for itself.

One recorded pass notes what every module returned before the layer. In a private copy of the
network (twin), the outermost of these modules return that, for a batch, and the layer's module
returns what it is given; all else is the network's own. It works wherever control does not depend
on what is stored, skips and branches included; whoever uses it compares it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from engine.passes.cuts import uncheckpointed
from engine.passes.hooks import Call, evaluating, first_tensor, replaced
from engine.rewriting.twin import twin


class _Reached(Exception):
    """Ends the recorded pass: the layer has returned."""


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What a module returned in one call.

    starts: the pass starts here. written: a later operation writes into it.
    """

    output: Any
    starts: bool = False
    written: bool = False


@dataclass(slots=True, eq=False)
class _State:
    given: Tensor | None = None
    count: int = 1
    copied: bool = False
    calls: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class FromLayer:
    """A network of which only what follows a layer is computed.

    module: to be called with as many images as `given` has activations; what they show is not
    looked at. given: the layer's output for them, (n, ...), in the layer's own layout. copied:
    whether all stored outputs are copied for each image, and not only those of which it is known
    that an operation writes into them.
    """

    module: nn.Module
    _state: _State
    copied: bool = False

    @contextmanager
    def given(self, activations: Tensor) -> Iterator[nn.Module]:
        """The network for one pass, with these in place of the layer's output."""
        state = self._state
        state.given, state.count, state.copied = activations, len(activations), self.copied
        state.calls.clear()
        try:
            yield self.module
        finally:
            state.given = None


class _Answering(nn.Module):
    """Returns what the module returned, call by call; later calls are the module's own."""

    def __init__(self, name: str, inner: nn.Module, answers: list[_Answer], state: _State) -> None:
        super().__init__()
        self.training = False
        self._name = name
        # In a tuple, so that it does not count as a child: it may be the network's own module.
        self._inner = (inner,)
        self._answers = answers
        self._state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_inner"][0], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        state = self._state
        index = state.calls.get(self._name, 0)
        state.calls[self._name] = index + 1
        if index >= len(self._answers):
            return self._inner[0](*args, **kwargs)
        answer = self._answers[index]
        copied = state.copied or answer.written
        output = tree_map_only(
            Tensor, lambda one: _for_batch(one, state.count, copied), answer.output
        )
        if not answer.starts:
            return output
        tensor = first_tensor(output)
        assert tensor is not None
        assert state.given is not None
        return replaced(output, tensor, state.given)


def _for_batch(tensor: Tensor, count: int, copied: bool) -> Tensor:
    if tensor.ndim == 0 or tensor.shape[0] != 1:
        return tensor
    wide = tensor.expand(count, *tensor.shape[1:])
    return wide.clone() if copied else wide


@dataclass(slots=True, eq=False)
class _Record:
    """What the modules returned so far, by name and call; of finished ones, the outermost alone.

    What a finished module writes into an earlier output is not written again, since the module only
    answers. What the code around it writes is: such an output is stored as it was returned.
    """

    start: Call
    overwritten: frozenset[Call]
    answers: dict[str, dict[int, _Answer]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _open: list[tuple[Call, list[Call]]] = field(default_factory=list)
    _outermost: list[Call] = field(default_factory=list)
    _watched: dict[Call, tuple[Tensor, int]] = field(default_factory=dict)

    def enter(self, name: str) -> None:
        self._find_written()
        index = self._counts.get(name, 0)
        self._counts[name] = index + 1
        self._open.append(((name, index), []))

    def leave(self, name: str, output: Any) -> None:
        call, inside = self._open.pop()
        if call[0] != name:
            raise LookupError(f"{name} returned before {call[0]}")
        for other in inside:
            del self.answers[other[0]][other[1]]
            self._watched.pop(other, None)
        if call == self.start:
            self._find_written()
            self.answers.setdefault(name, {})[call[1]] = _Answer(output, starts=True)
            raise _Reached
        # Whatever changed since the last module began was this module's doing.
        for other, (tensor, _) in self._watched.items():
            self._watched[other] = tensor, tensor._version
        own = first_tensor(output)
        if call in self.overwritten and own is not None:
            self._watched[call] = own, own._version
            output = tree_map_only(Tensor, lambda one: one.clone(), output)
        self.answers.setdefault(name, {})[call[1]] = _Answer(output)
        (self._open[-1][1] if self._open else self._outermost).append(call)

    def _find_written(self) -> None:
        """Mark what was written into between modules."""
        for call, (tensor, version) in list(self._watched.items()):
            if tensor._version != version:
                known = self.answers[call[0]][call[1]]
                self.answers[call[0]][call[1]] = _Answer(known.output, written=True)
                del self._watched[call]


def from_layer(
    module: nn.Module, image: Tensor, start: Call, overwritten: frozenset[Call]
) -> FromLayer:
    """A network whose pass starts at the call.

    image: (1, channels, h, w), for which what comes before it is computed once. overwritten: calls
    whose output a later operation writes into. Nothing of the module is changed, and no graph kept.
    Raises LookupError where the call is not reached, or calls are not nested.
    """
    record = _Record(start, overwritten)
    with torch.no_grad(), evaluating(module), _recording(module, record):
        try:
            module(image.clone())
        except _Reached:
            pass
        else:
            raise LookupError(f"{start[0]} is not called")
    state = _State()
    return FromLayer(_replaced(module, record, state), state)


@contextmanager
def _recording(module: nn.Module, record: _Record) -> Iterator[None]:
    handles: list[Any] = []
    try:
        for name, inner in module.named_modules():
            # The network itself never finishes before one of its layers.
            if name and not isinstance(inner, torch.jit.ScriptModule):
                handles += _hooks(inner, name, record)
        with uncheckpointed():
            yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(inner: nn.Module, name: str, record: _Record) -> list[Any]:
    def enter(_module: nn.Module, _inputs: Any) -> None:
        record.enter(name)

    def leave(_module: nn.Module, _inputs: Any, output: Any) -> None:
        record.leave(name, output)

    return [inner.register_forward_pre_hook(enter), inner.register_forward_hook(leave)]


def _replaced(module: nn.Module, record: _Record, state: _State) -> nn.Module:
    """The twin in which modules with answers give them, deepest first."""
    answering: dict[str, nn.Module] = {}
    names = {name for name, answers in record.answers.items() if answers}
    for name in sorted(names, key=lambda name: -name.count(".")):
        below = {
            other.removeprefix(f"{name}."): answering.pop(other)
            for other in list(answering)
            if other.startswith(f"{name}.")
        }
        own = module.get_submodule(name)
        answers = record.answers[name]
        ordered = [answers[index] for index in sorted(answers)]
        answering[name] = _Answering(name, twin(own, below) if below else own, ordered, state)
    return twin(module, _with_aliases(module, answering))


def _with_aliases(module: nn.Module, answering: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """A module that is registered under several names answers under each of them."""
    known = {id(module.get_submodule(name)): name for name in answering}
    return answering | {
        name: answering[known[id(inner)]]
        for name, inner in module.named_modules(remove_duplicate=False)
        if id(inner) in known and name not in answering
    }
