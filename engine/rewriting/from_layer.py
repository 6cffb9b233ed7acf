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


@dataclass(slots=True, eq=False)
class FromLayer:
    """A network of which only what follows a layer is computed.

    module: to be called with as many images as `given` has activations; what they show is not
    looked at. given: the layer's output for them, (n, ...), in the layer's own layout. copied:
    whether stored outputs are copied for each image, since an operation writes into them.
    """

    module: nn.Module
    copied: bool = False
    _state: _State = field(default_factory=lambda: _State())

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


@dataclass(slots=True, eq=False)
class _State:
    given: Tensor | None = None
    count: int = 1
    copied: bool = False
    calls: dict[str, int] = field(default_factory=dict)


class _Answering(nn.Module):
    """Returns what the module returned, call by call; later calls are the module's own."""

    def __init__(self, name: str, inner: nn.Module, answers: list[Any], state: _State) -> None:
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
        if isinstance(answer, _Start):
            assert state.given is not None
            others = tree_map_only(Tensor, self._for_batch, answer.output)
            tensor = first_tensor(others)
            assert tensor is not None
            return replaced(others, tensor, state.given)
        return tree_map_only(Tensor, self._for_batch, answer)

    def _for_batch(self, tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or tensor.shape[0] != 1:
            return tensor
        wide = tensor.expand(self._state.count, *tensor.shape[1:])
        return wide.clone() if self._state.copied else wide


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """What the layer's module returned in the call where the pass starts."""

    output: Any


@dataclass(slots=True, eq=False)
class _Record:
    """What the modules returned so far, by name and call; of finished ones, the outermost alone.

    order: the numbers of the calls that each name's answers stand for.
    """

    start: Call
    overwritten: frozenset[Call]
    answers: dict[str, dict[int, Any]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _open: list[tuple[str, int, list[tuple[str, int]]]] = field(default_factory=list)
    _outermost: list[tuple[str, int]] = field(default_factory=list)

    def enter(self, name: str) -> None:
        index = self._counts.get(name, 0)
        self._counts[name] = index + 1
        self._open.append((name, index, []))

    def leave(self, name: str, output: Any) -> None:
        opened, index, inside = self._open.pop()
        if opened != name:
            raise LookupError(f"{name} returned before {opened}")
        call = (name, index)
        if call == self.start:
            self._forget(inside)
            self.answers.setdefault(name, {})[index] = _Start(output)
            raise _Reached
        self._forget(inside)
        if call in self.overwritten:
            output = tree_map_only(Tensor, lambda tensor: tensor.clone(), output)
        self.answers.setdefault(name, {})[index] = output
        around = self._open[-1][2] if self._open else self._outermost
        around.append(call)

    def _forget(self, calls: list[tuple[str, int]]) -> None:
        for name, index in calls:
            del self.answers[name][index]


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
    return FromLayer(_replaced(module, record, state), _state=state)


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
