"""How many passes a map will take, known before any of them: plain arithmetic, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.records.options import Value

_WINDOW = 8


def window_size(options: Mapping[str, object], rows: int, columns: int) -> tuple[int, int]:
    """The side and the stride of occlusion's window, in pixels; 0 stands for the default."""
    side = int(str(options["window"])) or max(1, min(rows, columns) // _WINDOW)
    return side, int(str(options["stride"])) or max(1, side // 2)


def window_places(rows: int, columns: int, side: int, step: int) -> Iterator[tuple[int, int]]:
    """(top, left) of each window; the last of a row and of a column lies at the edge."""
    for top in _starts(rows, side, step):
        for left in _starts(columns, side, step):
            yield top, left


def _starts(length: int, side: int, step: int) -> list[int]:
    last = max(0, length - side)
    return [*range(0, last, step), last]


Counts = tuple[int, int]
"""Forward passes, backward passes."""


def steps(options: Mapping[str, Value], _shape: tuple[int, ...]) -> Counts:
    """Of integrated gradients."""
    return int(options["steps"]) + 1, int(options["steps"])


def samples(options: Mapping[str, Value], _shape: tuple[int, ...]) -> Counts:
    """Of SmoothGrad."""
    return int(options["n"]), int(options["n"])


def windows(options: Mapping[str, Value], shape: tuple[int, ...]) -> Counts:
    """Of occlusion, for an input of (channels, rows, columns)."""
    rows, columns = shape[-2:]
    side, step = window_size(options, rows, columns)
    return len(_starts(rows, side, step)) * len(_starts(columns, side, step)), 0


def masks(options: Mapping[str, Value], _shape: tuple[int, ...]) -> Counts:
    """Of RISE."""
    return int(options["masks"]), 0
