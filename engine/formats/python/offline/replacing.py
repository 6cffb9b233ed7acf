"""Replaces functions of packages for a while, for the calling thread alone."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

Make = Callable[[Callable[..., Any]], Callable[..., Any]]
"""From the original function to the one that takes its place."""

_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


class Replacement(NamedTuple):
    """module, name: of the function, as in 'pathlib', 'Path.write_bytes'."""

    module: str
    name: str
    make: Make


@contextlib.contextmanager
def noting(notes: list[str]) -> Any:
    """Let replaced functions act inside the block, in this thread, and note what is asked for."""
    token = _noted.set(notes)
    try:
        yield
    finally:
        _noted.reset(token)


def noted() -> list[str] | None:
    """What was asked for so far; None outside of noting()."""
    return _noted.get()


def note(what: object) -> None:
    notes = _noted.get()
    if notes is not None and str(what) not in notes:
        notes.append(str(what))


def instead(result: Callable[..., Any]) -> Make:
    """A Make: note the address among the arguments, and return what `result` makes of them."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def replaced(*args: Any, **kwargs: Any) -> Any:
            given = [getattr(value, "full_url", value) for value in (*args, *kwargs.values())]
            texts = [text for text in given if isinstance(text, str)]
            note(next((text for text in texts if "/" in text), original.__name__))
            return result(*args, **kwargs)

        return replaced

    return make


def install(undo: contextlib.ExitStack, replacements: Iterable[Replacement]) -> None:
    """Replace the functions of modules that are loaded by now, until `undo` is closed.

    Code that binds a function to a name of its own keeps the replacement, which calls the original
    outside of noting().
    """
    for module, path, make in replacements:
        *holders, name = path.split(".")
        owner: Any = sys.modules.get(module)
        for holder in holders:
            owner = getattr(owner, holder, None)
        found = getattr(owner, name, None)
        if found is None or getattr(found, "fetches_nothing", False):
            continue
        kept = vars(owner).get(name, found)
        undo.callback(setattr, owner, name, kept)
        if isinstance(kept, classmethod):
            setattr(owner, name, classmethod(_either(kept.__func__, make)))
        else:
            setattr(owner, name, _either(found, make))


def _either(original: Callable[..., Any], make: Make) -> Callable[..., Any]:
    made = make(original)

    @functools.wraps(original)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (original if _noted.get() is None else made)(*args, **kwargs)

    either.fetches_nothing = True  # type: ignore[attr-defined]
    return either
