"""Python's cyclic garbage collector, kept from looking while much is made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """No collection begins inside.

    With torch loaded, one goes over a million objects and takes longer than reading most files; and
    what is only made and kept has no cycles to be found.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
