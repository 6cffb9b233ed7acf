"""Finds the spatial axes of an output, from how it grows with the input or from its module type.

A token sequence (1, N, C) is spatial as well if its tokens are the cells of a grid, row by row,
after a few others (a class token, registers). The sequence itself does not show this; evidence is
how it grows with the input, and earlier grids with the same number of cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from engine.records.models import Layout

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
# Modules of a torch.export archive have other classes with the original names.
_NAMED_FIRST = frozenset(
    kind.__name__
    for kind in vars(nn).values()
    if isinstance(kind, type) and issubclass(kind, _CHANNELS_FIRST)
)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm)

# DINOv2 with registers has 1 + 4 tokens before the grid; some networks have up to 16 registers.
_MOST_PREFIX = 16
# Without an earlier grid as evidence, only a few tokens before the grid are accepted.
_MOST_PREFIX_UNSEEN = 5
_HALVINGS = 5

Grid = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Axes:
    """layout of an output and the (rows, columns) of its grid.

    prefix: number of tokens before those of the grid; 0 for the 4-D layouts.
    """

    layout: Layout
    grid: Grid
    prefix: int = 0

    def channels(self, shape: Sequence[int]) -> int:
        """The number of channels of an output of that shape, including the batch axis."""
        return shape[1] if self.layout is Layout.CHANNELS_FIRST else shape[-1]


@dataclass(frozen=True, slots=True)
class SeenGrid:
    """A grid of an earlier output, and its size for the larger input (None if unknown)."""

    grid: Grid
    larger: Grid | None = None

    def halved(self, times: int) -> SeenGrid:
        """The grid after `times` merges of 2 x 2 cells, with padding for odd sizes."""
        larger = _halved(self.larger, times) if self.larger is not None else None
        return SeenGrid(_halved(self.grid, times), larger)


def _halved(grid: Grid, times: int) -> Grid:
    return -(-grid[0] // 2**times), -(-grid[1] // 2**times)


def axes_by_growth(shape: tuple[int, ...], larger: tuple[int, ...]) -> Axes | None:
    """The spatial axes of a 4-D output: the two that grew with the input.

    larger: the output's shape for an input with more rows and columns. None unless exactly the
    axes of one layout grew. Rows and columns grow by different factors, so two axes that stay equal
    represent the same dimension twice (attention weights).
    """
    if len(shape) != 4 or len(larger) != 4:
        return None
    grown = tuple(axis for axis in range(4) if shape[axis] != larger[axis])
    if grown not in ((2, 3), (1, 2)):
        return None
    rows, columns = grown
    if shape[rows] == shape[columns] and larger[rows] == larger[columns]:
        return None
    layout = Layout.CHANNELS_FIRST if grown == (2, 3) else Layout.CHANNELS_LAST
    return Axes(layout, (shape[rows], shape[columns]))


def tokens_by_growth(
    shape: tuple[int, ...],
    larger: tuple[int, ...],
    input_size: Grid,
    seen: Sequence[SeenGrid],
    factors: Grid,
) -> Axes | None:
    """The grid of a sequence (1, N, C) of which only N grew with the input.

    An earlier grid that leaves the same few extra tokens at both sizes is taken. Without one,
    N = p + hw and its larger value p + hw * factors[0] * factors[1] give p and hw, and the
    proportions of the input give h and w.
    """
    if len(shape) != 3 or len(larger) != 3 or shape[0] != 1:
        return None
    if larger[0] != 1 or shape[1] == larger[1] or shape[2] != larger[2]:
        return None
    for known in _with_halves(seen):
        if known.larger is None:
            continue
        prefix = shape[1] - _cells(known.grid)
        if 0 <= prefix <= _MOST_PREFIX and prefix == larger[1] - _cells(known.larger):
            return Axes(Layout.TOKENS, known.grid, prefix)
    cells, rest = divmod(larger[1] - shape[1], factors[0] * factors[1] - 1)
    prefix = shape[1] - cells
    # A sequence of rows only would yield more tokens before the grid than in it.
    if rest or not 0 <= prefix <= min(_MOST_PREFIX, cells - 1):
        return None
    grid = _grid_of(cells, input_size)
    return Axes(Layout.TOKENS, grid, prefix) if grid is not None else None


def tokens_by_count(
    shape: tuple[int, ...], input_size: Grid, seen: Sequence[SeenGrid]
) -> Axes | None:
    """The grid of a sequence (1, N, C) in a network with a fixed input size.

    It is the earlier grid that leaves the fewest extra tokens (the latest of several); without one,
    whole square patches of the input. None if the other axis fits that grid better, as in
    (1, C, N).
    """
    if len(shape) != 3 or shape[0] != 1 or shape[1] < 2:
        return None
    fitting = _nearest(shape[1], seen)
    if fitting is None:
        return _whole_patches(shape[1], input_size) if not seen else None
    prefix, known = fitting
    if 0 <= shape[2] - _cells(known.grid) < prefix:
        return None
    return Axes(Layout.TOKENS, known.grid, prefix)


def axes_by_kind(
    module: nn.Module,
    shape: tuple[int, ...],
    input_shape: tuple[int, ...],
    neighbour: Axes | None,
    tokens: Iterable[int] = (),
    seen: Sequence[SeenGrid] = (),
) -> Axes | None:
    """The spatial axes of a 4-D output, from the type of its module.

    neighbour: the axes of the last output of the same shape, which an element-wise module
    shares. tokens: the lengths of the network's sequences; (1, heads, N, ...) is inside an
    attention. seen: the earlier grids. A grid without the input's proportions is rejected (windows
    of an attention layer), and so is one of a size that no convolution or pooling had (attention
    between channels).
    """
    if len(shape) != 4 or shape[0] != 1:
        return None
    first = _if_proportional(Layout.CHANNELS_FIRST, shape[2:], input_shape)
    last = _if_proportional(Layout.CHANNELS_LAST, shape[1:3], input_shape)
    if isinstance(module, _CHANNELS_FIRST) or type(module).__name__ in _NAMED_FIRST:
        return first
    if neighbour is None and shape[2] in tokens:
        return None
    known = {grid.grid for grid in _with_halves(seen)}
    if known:
        first, last = (axes if axes and axes.grid in known else None for axes in (first, last))
    if isinstance(module, _CHANNELS_LAST) and type(module).forward in (
        nn.Linear.forward,
        nn.LayerNorm.forward,
    ):
        return last
    return neighbour or first or last


def axes_by_choice(
    layout: Layout, shape: tuple[int, ...], input_size: Grid, seen: Sequence[SeenGrid]
) -> Axes | None:
    """The axes of an output in the layout set by the user; None if it cannot have it."""
    if layout is Layout.TOKENS:
        if len(shape) != 3 or shape[0] != 1:
            return None
        fitting = _nearest(shape[1], seen)
        if fitting is not None:
            return Axes(layout, fitting[1].grid, fitting[0])
        for prefix in range(min(_MOST_PREFIX, shape[1] - 1) + 1):
            grid = _grid_of(shape[1] - prefix, input_size)
            if grid is not None:
                return Axes(layout, grid, prefix)
        return None
    if len(shape) != 4 or shape[0] != 1:
        return None
    rows, columns = shape[2:] if layout is Layout.CHANNELS_FIRST else shape[1:3]
    return Axes(layout, (rows, columns))


def _cells(grid: Grid) -> int:
    return grid[0] * grid[1]


def _with_halves(seen: Sequence[SeenGrid]) -> Iterable[SeenGrid]:
    """Unmerged grids first, the latest first; then halved once, twice and so on."""
    for times in range(_HALVINGS + 1):
        for known in reversed(seen):
            yield known.halved(times)


def _nearest(length: int, seen: Sequence[SeenGrid]) -> tuple[int, SeenGrid] | None:
    """The number of extra tokens with the best fitting grid, and that grid.

    A merged grid may leave none: networks that merge tokens have no class token.
    """
    best: tuple[int, SeenGrid] | None = None
    whole = {known.grid for known in seen}
    for known in _with_halves(seen):
        cells = _cells(known.grid)
        over = length - cells
        most = min(_MOST_PREFIX, cells - 1) if known.grid in whole else 0
        if 0 <= over <= most and (best is None or over < best[0]):
            best = over, known
    return best


def _grid_of(cells: int, input_size: Grid) -> Grid | None:
    """(rows, columns) for `cells` cells in the proportions of the input, to within one row."""
    height, width = input_size
    best: tuple[float, Grid] | None = None
    for rows in range(1, cells + 1):
        if cells % rows == 0:
            columns = cells // rows
            off = abs(rows - columns * height / width)
            if off <= 1 and (best is None or off < best[0]):
                best = off, (rows, columns)
    return best[1] if best is not None else None


def _whole_patches(length: int, input_size: Grid) -> Axes | None:
    """A grid of square patches that divide the input exactly, with the fewest extra tokens."""
    height, width = input_size
    for prefix in range(_MOST_PREFIX_UNSEEN + 1):
        grid = _grid_of(length - prefix, input_size)
        if grid is None or _cells(grid) <= 2 * prefix:
            continue
        side = height // grid[0]
        if (grid[0] * side, grid[1] * side) == (height, width):
            return Axes(Layout.TOKENS, grid, prefix)
    return None


def _if_proportional(
    layout: Layout, grid: tuple[int, ...], input_shape: tuple[int, ...]
) -> Axes | None:
    rows, columns = grid
    height, width = input_shape[2:]
    expected_rows = columns * height / width
    if rows > height or columns > width or abs(rows - expected_rows) > 1:
        return None
    return Axes(layout, (rows, columns))
