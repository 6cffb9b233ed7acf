"""The pieces in which a method walks through an activation, and the precision it may use.

A product of activation and gradient, or a copy in float64, is as large as the activation or twice
that, and a sweep holds a whole network's activations already. In pieces, it is a few megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_ELEMENTS = 1 << 18
"""Elements of a piece: 2 MB in float64, which stays in a processor's cache."""


def channel_blocks(activation: Tensor) -> Iterator[slice]:
    """Slices of the first axis of (C, h, w), of about _ELEMENTS elements each."""
    channels, rows, columns = activation.shape
    step = max(1, _ELEMENTS // max(1, rows * columns))
    for start in range(0, channels, step):
        yield slice(start, min(start + step, channels))


def cells_of(activation: Tensor) -> Tensor:
    """(C, h, w) as (h * w, C): a view, of channels-first and of channels-last memory."""
    return activation.flatten(1).t()


def cell_blocks(activation: Tensor) -> Iterator[Tensor]:
    """(C, h, w) as a few rows at a time of (h * w, C), in float64."""
    cells = cells_of(activation)
    step = max(1, _ELEMENTS // max(1, cells.shape[1]))
    for start in range(0, len(cells), step):
        yield cells[start : start + step].double()


def widest(device: torch.device) -> torch.dtype:
    """float64 where the device knows it, else float32: Metal does not."""
    return torch.float32 if device.type == "mps" else torch.float64
