"""Which axes of an output are space: found from how it grows, else from what made it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.records import Layout

_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._MaxPoolNd,
    nn.GroupNorm,
)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm)


@dataclass(frozen=True, slots=True)
class Axes:
    """layout of a 4-D output and the (rows, columns) of its grid."""

    layout: Layout
    grid: tuple[int, int]


def axes_by_growth(shape: tuple[int, ...], larger: tuple[int, ...]) -> Axes | None:
    """The spatial axes of a 4-D output: the two that grew when the input did.

    larger: the output's shape for an input of more rows and columns. None when not exactly the
    axes of one layout grew.
    """
    if len(shape) != 4 or len(larger) != 4:
        return None
    grown = tuple(axis for axis in range(4) if shape[axis] != larger[axis])
    if grown == (2, 3):
        return Axes(Layout.CHANNELS_FIRST, (shape[2], shape[3]))
    if grown == (1, 2):
        return Axes(Layout.CHANNELS_LAST, (shape[1], shape[2]))
    return None


def axes_by_kind(
    module: nn.Module,
    shape: tuple[int, ...],
    input_shape: tuple[int, ...],
    neighbour: Axes | None,
) -> Axes | None:
    """The spatial axes of a 4-D output from the kind of module that made it.

    neighbour: the axes of the last output of the same shape, which an element-wise module
    shares. A grid that has not the proportions of the input is none (the windows of an attention
    layer, say).
    """
    if len(shape) != 4 or shape[0] != 1:
        return None
    first = _if_proportional(Layout.CHANNELS_FIRST, shape[2:], input_shape)
    last = _if_proportional(Layout.CHANNELS_LAST, shape[1:3], input_shape)
    if isinstance(module, _CHANNELS_FIRST):
        return first
    if isinstance(module, _CHANNELS_LAST) and type(module).forward in (
        nn.Linear.forward,
        nn.LayerNorm.forward,
    ):
        return last
    return neighbour or first or last


def _if_proportional(
    layout: Layout, grid: tuple[int, ...], input_shape: tuple[int, ...]
) -> Axes | None:
    rows, columns = grid
    height, width = input_shape[2:]
    expected_rows = columns * height / width
    if rows > height or columns > width or abs(rows - expected_rows) > 1:
        return None
    return Axes(layout, (rows, columns))
