"""Pauses Python's cyclic garbage collector while many objects are created at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """Disable automatic garbage collection inside the block.

    With torch loaded, one collection visits a million objects and takes longer than reading most
    files, while freshly created objects that are all kept contain no garbage.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
