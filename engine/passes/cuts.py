"""Undoes what hides a network's computation from autograd: no_grad, detach, and checkpoints."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import checkpoint


class _Uncut(TorchFunctionMode):
    """Makes no_grad blocks and detach() in a network's own code have no effect."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch._C._set_grad_enabled and not args[0]:
            return None
        if func in (Tensor.detach, torch.detach, Tensor.detach_, torch.detach_):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def uncut(wanted: bool) -> Iterator[None]:
    """If wanted, let gradients flow where the network's own code cuts them off.

    A backbone run under no_grad, or an output detached before the head, can still be explained:
    maps show how the logit depends on a layer, not what was trained.
    """
    with _Uncut() if wanted else nullcontext():
        yield


@contextmanager
def uncheckpointed() -> Iterator[None]:
    """Run checkpointed parts of a network as if they were not checkpointed.

    A reentrant checkpoint (torch.utils.checkpoint, or the copies of it that networks bring along)
    runs its part without a graph, and once more during the backward pass, so that hooks see outputs
    without a gradient. The other form also runs it once more, when hooks are removed and modes are
    restored. Without either, the values are the same, and only memory is lost.

    Holds for this thread only; torch is as before when the last thread has left.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


# Function.apply is looked up on the class at each call, whatever name the network imported.
_lock = threading.Lock()
_inside = threading.local()
_users = 0
_apply = vars(torch.autograd.Function)["apply"]
_generator = checkpoint._checkpoint_without_reentrant_generator


def _enter() -> None:
    global _users
    with _lock:
        if _users == 0:
            _put(classmethod(_applied), _generated)
        _users += 1
    _inside.depth = getattr(_inside, "depth", 0) + 1


def _leave() -> None:
    global _users
    _inside.depth -= 1
    with _lock:
        _users -= 1
        if _users == 0:
            _put(_apply, _generator)


def _put(apply: Any, generator: Callable[..., Any]) -> None:
    function: Any = torch.autograd.Function
    function.apply = apply
    module: Any = checkpoint
    module._checkpoint_without_reentrant_generator = generator


def _applied(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """In place of torch.autograd.Function.apply."""
    if getattr(_inside, "depth", 0) == 0 or not _is_checkpoint(kind, args):
        return _apply.__get__(None, kind)(*args, **kwargs)
    if kind is checkpoint.CheckpointFunction:
        run, _preserve, *given = args
        return run(*given)
    with uncut(True):
        return kind.forward(_Context(), *args, **kwargs)


def _is_checkpoint(kind: Any, args: tuple[Any, ...]) -> bool:
    """Whether this is torch's checkpoint, or a copy of it: a function applied to a function."""
    return "checkpoint" in kind.__name__.lower() and bool(args) and callable(args[0])


class _Context(SimpleNamespace):
    """Stands in for the context that autograd hands to a function; nothing is kept."""

    def save_for_backward(self, *_tensors: Any) -> None:
        """The part is recorded as it runs, so that nothing has to be saved."""


def _generated(*args: Any, **kwargs: Any) -> Generator[None, None, None]:
    """In place of the two halves around a checkpointed call that is not reentrant."""
    if getattr(_inside, "depth", 0) == 0:
        yield from _generator(*args, **kwargs)
        return
    yield
