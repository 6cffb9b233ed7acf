"""Options that methods of several families have."""

from __future__ import annotations

from engine.methods.options import Kind, Option

MOST_SEED = 2**31 - 1


def batch(default: int) -> Option:
    """How many inputs are run at once."""
    title = "most inputs in one pass, fewer where memory or a prompt stop ask for it"
    return Option("batch", title, Kind.INT, default, low=1, high=1024)


def seed(what: str) -> Option:
    """What decides on random numbers."""
    return Option("seed", f"which {what} is drawn", Kind.INT, 0, low=0, high=MOST_SEED)
