"""Whether the backward passes of a thread compute each gradient as torch does by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_wanted = ContextVar("own gradients", default=False)


@contextmanager
def own_gradients(wanted: bool = True) -> Iterator[None]:
    """Backward passes inside are torch's own throughout, if wanted.

    Layers that know a faster way to their gradient (engine.rewriting.other_gradient) then do not
    take it. On a processor, a backward pass runs in the thread that asked for it.
    """
    before = _wanted.set(wanted or _wanted.get())
    try:
        yield
    finally:
        _wanted.reset(before)


def are_wanted() -> bool:
    """Whether own_gradients is active in this thread."""
    return _wanted.get()
