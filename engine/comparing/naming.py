"""Short names of files, unlike each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath


def told_apart(paths: Sequence[str]) -> tuple[str, ...]:
    """A short name for each path or name, with as many of its folders as it takes to be unlike the
    others; equal ones have equal names."""
    parts = [PurePath(path).parts or (path,) for path in paths]
    names = []
    for own in parts:
        count = 1
        while count < len(own) and any(
            other != own and other[-count:] == own[-count:] for other in parts
        ):
            count += 1
        names.append("/".join(own[-count:]))
    return tuple(names)
