"""Detects the input size and channels of a network by trial passes.

Candidates come from a vision transformer's position embedding and, after a shape mismatch, from the
sizes of the linear layers. Otherwise the usual sizes are tried, then others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from engine.errors import ChoiceNeeded, ModelError
from engine.formats.network import SIZE_NAMES
from engine.formats.rejections import ONLY_CLASSIFIERS, refuse
from engine.loading.input_trials import Size, Trial, Trials
from engine.passes.wrappers import unwrapped
from engine.progress import CancelToken
from engine.questions import WhichInput

USUAL = 224
"""The size that is assumed for a network that accepts any."""

_MOST_ASKED = 16

# Ordered by likelihood.
_SIDES = (
    *(224, 256, 32, 28, 299, 384, 128, 64, 96, 227, 512, 192, 160, 112, 320, 448, 288, 240),
    *(300, 260, 380, 336, 331, 518, 480, 456, 528, 600, 640, 768, 1024, 48, 80, 100, 150),
    *(180, 200, 400, 500, 40, 56, 84, 105, 120, 144),
)


@dataclass(frozen=True, slots=True)
class FoundInput:
    """channels and (height, width) on which the network runs.

    assumed: it accepts other sizes as well, and its training size is unknown.
    """

    channels: int
    size: Size
    assumed: bool


def find_input(
    module: nn.Module,
    path: Path,
    *,
    channels: int | None = None,
    preferred: Sequence[Size] = (),
    told: Size | None = None,
    cancel: CancelToken | None = None,
) -> FoundInput:
    """The channels and size of an input for which the network returns one row of logits.

    path: the network's file, for messages. channels: if known. preferred: sizes from its files; the
    first that runs is taken. told: the size given by the user; no other is tried. A network that
    accepts any size gets 224 x 224, assumed.

    Raises ModelError if it does not classify single images (see rejections.refuse) or does not run
    on the given size, ChoiceNeeded with WhichInput if no size works, Cancelled. The network is left
    unchanged.
    """
    refuse(module, path.name)
    trials = Trials(module, cancel)
    wanted = [channels] if channels is not None else channel_counts(module)
    if told is not None:
        return _as_told(trials, path, wanted, told)
    for count in wanted:
        found = _search(trials, path, count, preferred)
        if found is not None:
            return found
    return _give_up(trials, path, channels)


def _as_told(trials: Trials, path: Path, channels: Sequence[int], size: Size) -> FoundInput:
    for count in channels:
        trial = trials.run(count, size)
        if trial.ran and trial.fault:
            raise _unsuitable(path, trial.fault)
        if trial.ran:
            return FoundInput(count, size, assumed=False)
    error = trials.run(channels[0], size).error
    raise ModelError(
        f"{path.name}: the network does not run on {channels[0]} x {size[0]} x {size[1]} "
        f"({error}); try another input"
    )


def channel_counts(module: nn.Module) -> list[int]:
    """Candidate numbers of input channels, the most likely first; never empty.

    The first convolution decides (a patch embedding counts), or the first convolution-like weight
    if module types are lost. Then follow 3 and 1, for networks that convert the channels themselves
    or have no convolution.
    """
    counts = [
        int(part.weight.shape[1]) * part.groups
        for part in module.modules()
        if isinstance(part, nn.Conv2d)
    ] or [int(weight.shape[1]) for weight in module.parameters() if weight.ndim == 4]
    return list(dict.fromkeys([*counts[:1], 3, 1]))


def _search(
    trials: Trials, path: Path, channels: int, preferred: Sequence[Size]
) -> FoundInput | None:
    for size in preferred:
        trial = trials.run(channels, size)
        if trial.ran and not trial.fault:  # specified, so a dense output is intended
            return FoundInput(channels, size, assumed=False)
    for size in (*named_sizes(trials.module), *embedded_sizes(trials.module, channels)):
        if trials.run(channels, size).accepted:
            return FoundInput(channels, size, assumed=False)
    usual = trials.run(channels, (USUAL, USUAL))
    if usual.accepted:
        return _found(trials, channels, (USUAL, USUAL))
    if usual.ran and max(usual.spatial) >= USUAL:
        # The output is as large as the image: no input size gives a single row.
        raise _unsuitable(path, usual.fault)
    if _refused_at_once(trials, channels):
        return None
    _raise_if_not_the_size(trials, path, channels)
    sizes = itertools.chain(_solved(trials, channels, usual), _listed(trials, channels))
    for size in sizes:
        if trials.run(channels, size).accepted:
            return _found(trials, channels, _nicest(trials, channels, size))
        if trials.spent:
            break
    return None


def _found(trials: Trials, channels: int, size: Size) -> FoundInput:
    double = trials.run(channels, (2 * size[0], 2 * size[1]))
    return FoundInput(channels, size, assumed=double.accepted)


def _listed(trials: Trials, channels: int) -> Iterator[Size]:
    """Usual sizes, then all others in coarse and finer steps."""
    for side in _SIDES:
        yield (side, side)
    smallest = trials.run(channels, (28, 28))
    if smallest.ran:
        return  # a network that returns a map at this size returns one at every size
    steps = itertools.chain(range(16, 513, 16), range(8, 257, 4), range(4, 257), range(257, 513))
    for side in steps:
        if trials.spent:
            return
        yield (side, side)


def _solved(trials: Trials, channels: int, usual: Trial) -> Iterator[Size]:
    """Sizes at which the flattened features fit a linear layer."""
    depth, *start = usual.grid if usual.grid is not None else (channels, USUAL, USUAL)
    flat = usual.grid is None
    features = [part.in_features for part in trials.module.modules() if isinstance(part, nn.Linear)]
    for count in list(dict.fromkeys(features))[:12]:
        cells, rest = divmod(count, depth)
        if rest or not cells:
            continue
        for grid in _grids(cells):
            if flat:
                yield grid
            else:
                yield from _approach(trials, channels, grid, (start[0], start[1]))


def _approach(trials: Trials, channels: int, goal: Size, start: Size) -> Iterator[Size]:
    """Input sizes whose last grid approaches the goal, by the secant method."""
    sizes = [(USUAL, USUAL)]
    grids = [start]
    for _ in range(8):
        step = []
        for axis in range(2):
            span = grids[-1][axis] - (grids[-2][axis] if len(grids) > 1 else 0)
            way = sizes[-1][axis] - (sizes[-2][axis] if len(sizes) > 1 else 0)
            stride = way / span if span and way / span > 0 else sizes[-1][axis] / grids[-1][axis]
            missing = goal[axis] - grids[-1][axis]
            side = sizes[-1][axis] + round(stride * missing)
            step.append(min(4096, max(4, side)))
        size = (step[0], step[1])
        if size in sizes:
            return
        yield size
        grid = trials.run(channels, size).grid
        if grid is None or grid[1:] == goal:
            return
        sizes.append(size)
        grids.append((grid[1], grid[2]))


def _grids(cells: int) -> Iterator[Size]:
    """Rows and columns for `cells` cells: a square, else the two rectangles closest to one."""
    root = math.isqrt(cells)
    if root * root == cells:
        yield (root, root)
        return
    rows = next(r for r in range(root, 0, -1) if cells % r == 0)
    if cells // rows <= 2 * rows:
        yield (rows, cells // rows)
        yield (cells // rows, rows)


def _nicest(trials: Trials, channels: int, size: Size) -> Size:
    """The most likely side near the given one that also works; the given one if there is none."""
    if size[0] != size[1] or size[0] in _SIDES:
        return size
    grid = trials.run(channels, size).grid
    reach = size[0] // min(grid[1:]) if grid is not None else 0
    for side in _SIDES:
        if abs(side - size[0]) <= reach and trials.run(channels, (side, side)).accepted:
            return (side, side)
    return size


def named_sizes(module: nn.Module) -> list[Size]:
    """Input sizes that a network or its patch embedding keeps as an attribute (image_size=96)."""
    found: list[Size] = []
    for part in itertools.islice(unwrapped(module).modules(), _MOST_ASKED):
        for name in SIZE_NAMES:
            value = part.__dict__.get(name)
            sides = tuple(value)[-2:] if isinstance(value, list | tuple) else (value, value)
            if len(sides) == 2 and all(type(n) is int and 16 <= n <= 4096 for n in sides):
                found.append((sides[0], sides[1]))
    return list(dict.fromkeys(found))


def _raise_if_not_the_size(trials: Trials, path: Path, channels: int) -> None:
    """Raises ModelError if the network fails alike at very different sizes, in a way that speaks of
    no size: a fault of its code, which no other size cures."""
    tried = [trials.run(channels, (side, side)) for side in (USUAL, 299, 64, 32)]
    errors = {trial.error for trial in tried}
    if any(trial.ran for trial in tried) or len(errors) > 1 or tried[0].assertion:
        return
    raise ModelError(
        f"{path.name}: the network fails at every input size: {errors.pop()}{tried[0].place}; "
        "correct its code"
    )


def embedded_sizes(module: nn.Module, channels: int) -> list[Size]:
    """Input sizes implied by the position embedding and patches of a vision transformer."""
    patch = _patch(module, channels)
    if patch is None:
        return []
    (height, width), depth = patch
    grids: list[Size] = []
    for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
        if "pos" not in name.lower() or tensor.ndim < 2 or depth not in tensor.shape:
            continue
        if tensor.ndim == 4 and tensor.shape[0] == 1:
            last = tensor.shape[3] == depth
            sides = tensor.shape[1:3] if last else tensor.shape[2:]
            grids.append((sides[0], sides[1]))
        elif tensor.shape[-1] == depth and tensor.numel() == tensor.shape[-2] * depth:
            grids += _token_grids(int(tensor.shape[-2]))
    sizes = ((rows * height, columns * width) for rows, columns in grids)
    return list(dict.fromkeys(size for size in sizes if min(size) >= 8 and max(size) <= 2048))


def _token_grids(tokens: int) -> list[Size]:
    """Grids of a sequence with one extra token, none, two (distillation), or five (registers)."""
    counts = [tokens - prefix for prefix in (1, 0, 2, 5) if tokens > prefix + 1]
    squares = [(math.isqrt(n),) * 2 for n in counts if math.isqrt(n) ** 2 == n]
    if squares:
        return [(side, side) for side, _ in squares]
    return [grid for n in counts for grid in _grids(n)]


def _patch(module: nn.Module, channels: int) -> tuple[Size, int] | None:
    """(height, width) of a patch and the length of its token.

    The first convolution makes patches if its stride equals its kernel size, a linear layer if its
    input is a square of pixels.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            height, width = part.kernel_size[0], part.kernel_size[1]
            whole = tuple(part.kernel_size) == tuple(part.stride) and height > 1
            return ((height, width), part.out_channels) if whole else None
        if isinstance(part, nn.Linear) and part.in_features % channels == 0:
            side = math.isqrt(part.in_features // channels)
            if side > 1 and side * side * channels == part.in_features:
                return (side, side), part.out_features
    return None


def _refused_at_once(trials: Trials, channels: int) -> bool:
    """Whether the first convolution fails at two sizes, so that it needs other channels."""
    if not any(isinstance(part, nn.Conv2d) for part in trials.module.modules()):
        return False
    tried = [trials.run(channels, (side, side)) for side in (USUAL, 32)]
    return not any(trial.ran or trial.calls for trial in tried)


def _unsuitable(path: Path, fault: str) -> ModelError:
    return ModelError(f"{path.name}: {fault}; {ONLY_CLASSIFIERS}")


def _give_up(trials: Trials, path: Path, channels: int | None) -> FoundInput:
    ran = next((trial for trial in trials.done.values() if trial.ran), None)
    if ran is not None:
        fault = ran.fault or "it returns a row of scores for each cell of a map"
        raise _unsuitable(path, fault)
    tried = tuple(dict.fromkeys(size for _, size in trials.done))
    error = next((trial.error for trial in trials.done.values() if trial.error), "")
    raise ChoiceNeeded(
        f"{path.name}: the network ran on none of {len(tried)} input sizes ({error}); specify its "
        "input, as in --input 3x256x256",
        WhichInput(path, channels, tried),
    )
