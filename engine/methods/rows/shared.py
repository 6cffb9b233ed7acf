"""Options that methods of several families have, and why others lack them."""

from __future__ import annotations

from dataclasses import replace

from engine.methods.method import Method
from engine.methods.options import Kind, Option

MOST_SEED = 2**31 - 1


def batch(default: int) -> Option:
    """How many inputs are run at once."""
    title = "most inputs in one pass, fewer where memory or a prompt stop ask for it"
    return Option("batch", title, Kind.INT, default, low=1, high=1024)


def seed(what: str) -> Option:
    """What decides on random numbers."""
    return Option("seed", f"which {what} is drawn", Kind.INT, 0, low=0, high=MOST_SEED)


AUGMENT = Option(
    "augment",
    "mean map of 6 copies: as is and mirrored, each with its input times 0.9, 1 and 1.1",
    Kind.BOOL,
    False,
    shared=True,
)
EIGEN = Option(
    "eigen",
    "first principal component of the weighted activations in place of their sum",
    Kind.BOOL,
    False,
    shared=True,
)
FUSE = Option(
    "fuse",
    "how the maps of several layers become one, each divided by its largest magnitude",
    Kind.CHOICE,
    "mean",
    choices=("mean", "max", "product"),
    shared=True,
)

SHARED = (AUGMENT, EIGEN, FUSE)
"""What can be had with every method whose row does not refuse it."""

COMPONENT = ((EIGEN.name, "its map is a principal component already"),)
MARKS = ((EIGEN.name, "it adds up where channels are strong, and no weighted activations"),)
LONE = ((FUSE.name, "it explains the one layer that is averaged over space"),)
PRODUCT = (
    (EIGEN.name, "it multiplies the maps of several layers, and weighs no channels itself"),
    (FUSE.name, "it multiplies the maps of several layers already"),
)
UNLAYERED = (
    (EIGEN.name, "it weighs no channels of a layer"),
    (FUSE.name, "it has no layers to choose from"),
)
GUIDED = (
    (EIGEN.name, "the detail of its map is that of pixels, which are no channels of a layer"),
    (FUSE.name, "maps of pixels peak at a few lone ones, which give them no common scale"),
)
"""What rows refuse, and why."""


def with_shared(method: Method) -> Method:
    """The row with the options that methods share; those that end linearity are named in it."""
    refused = {name for name, _ in method.refuses}
    added = tuple(option for option in SHARED if option.name not in refused)
    ending = tuple(o.name for o in added if o is not AUGMENT) if method.linear else ()
    return replace(
        method,
        options=(*method.options, *added),
        linear_at=(*method.linear_at, *ending),
    )
