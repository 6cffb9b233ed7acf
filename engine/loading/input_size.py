"""Detects the input size and channels of a network by trial passes.

The first candidates are what the network tells (input_hints); then come the usual size, those that
its error names or the sizes of its linear layers imply, a list of usual ones, and others. An error
that no size changes is reported at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from engine.errors import ChoiceNeeded, ModelError
from engine.formats.rejections import ONLY_CLASSIFIERS, optional_inputs, refuse
from engine.loading.input_hints import (
    Size,
    channel_counts,
    embedded_sizes,
    grids_of,
    is_for_small_pictures,
    named_sizes,
    told_sizes,
    usual_sizes,
)
from engine.loading.input_trials import Trial, Trials
from engine.loading.pass_failures import Failure
from engine.progress import CancelToken
from engine.questions import WhichInput
from engine.reader import client

USUAL = 224
"""The size that is assumed for a network that accepts any."""

_SMALL = 32
"""The same for one of ten or a hundred classes that keeps small images large."""

# Ordered by likelihood.
_SIDES = (
    *(224, 256, 32, 28, 299, 384, 128, 64, 96, 227, 512, 192, 160, 112, 320, 448, 288, 240),
    *(300, 260, 380, 331, 336, 518, 480, 456, 528, 600, 640, 768, 1024, 48, 80, 100, 150),
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
    accepts any size gets 224 x 224, assumed, or 32 x 32 if it is built for such small images.

    Raises ModelError if it does not classify single images (see rejections.refuse), does not run
    on the given size, or fails on every size for another reason; ChoiceNeeded with WhichInput if no
    size works, Cancelled. The network is left unchanged. The work is limited by counting, so that
    the result does not depend on the machine's load.
    """
    refuse(module, path.name)
    with client.counting():
        trials = Trials(module, cancel)
        wanted = [channels] if channels is not None else channel_counts(module)
        if told is not None:
            return _as_told(trials, path, wanted, told)
        for count in wanted:
            found = _search(trials, path, count, preferred)
            if found is not None:
                return found
        _raise_constant_failure(trials, path, wanted)
        return _give_up(trials, path, channels)


def _as_told(trials: Trials, path: Path, channels: Sequence[int], size: Size) -> FoundInput:
    for count in channels:
        trial = trials.run(count, size)
        if trial.ran and trial.fault:
            raise _unsuitable(path, trial.fault)
        if trial.ran:
            return FoundInput(count, size, assumed=False)
    _raise_constant_failure(trials, path, channels)
    failure = trials.run(channels[0], size).failure
    assert failure is not None
    raise ModelError(
        f"{path.name}: the network does not run on {channels[0]} x {size[0]} x {size[1]} "
        f"({failure.sentence}); try another input"
    )


def _search(
    trials: Trials, path: Path, channels: int, preferred: Sequence[Size]
) -> FoundInput | None:
    for size in preferred:
        trial = trials.run(channels, size)
        if trial.ran and not trial.fault:  # specified, so a dense output is intended
            return FoundInput(channels, size, assumed=False)
    module = trials.module
    for size in (
        *told_sizes(module),
        *embedded_sizes(module, channels),
        *usual_sizes(module),
    ):
        if trials.run(channels, size).accepted:
            return FoundInput(channels, size, assumed=False)
    usual = trials.run(channels, (USUAL, USUAL))
    if usual.accepted:
        return _with_usual(trials, channels, usual)
    if usual.ran and max(usual.spatial) >= USUAL:
        # The output is as large as the image: no input size gives a single row.
        raise _unsuitable(path, usual.fault)
    constant = trials.constant_failure(channels)
    if _wants_other_channels(trials, channels) or (constant and not constant.check):
        return None
    named = named_sizes(usual.failure, channels) if usual.failure is not None else ()
    sizes = itertools.chain(named, _solved(trials, channels, usual), _listed(trials, channels))
    for size in sizes:
        if trials.run(channels, size).accepted:
            return _found(trials, channels, _nicest(trials, channels, size))
        if trials.spent:
            break
    return None


def _with_usual(trials: Trials, channels: int, usual: Trial) -> FoundInput:
    found = _found(trials, channels, (USUAL, USUAL))
    grid = usual.grid[1:] if usual.grid is not None else (1, 1)
    small = is_for_small_pictures(trials.module, usual.scores, grid, USUAL)
    if found.assumed and small and trials.run(channels, (_SMALL, _SMALL)).accepted:
        return FoundInput(channels, (_SMALL, _SMALL), assumed=True)
    return found


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
    constant = trials.constant_failure(channels)
    if constant is not None and not constant.assertion:
        return
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
        for grid in grids_of(cells):
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


def _wants_other_channels(trials: Trials, channels: int) -> bool:
    """Whether the first layer refuses the number of channels, at two sizes."""
    tried = [trials.run(channels, (side, side)) for side in (USUAL, _SMALL)]
    return all(
        trial.failure is not None and not trial.calls and "channel" in trial.failure.text.lower()
        for trial in tried
    )


def _unsuitable(path: Path, fault: str) -> ModelError:
    return ModelError(f"{path.name}: {fault}; {ONLY_CLASSIFIERS}")


def _raise_constant_failure(trials: Trials, path: Path, channels: Sequence[int]) -> None:
    """Raises ModelError if the network fails for a reason that no size changes, with the channels
    with which it comes furthest. An assertion may be about a size that was not tried."""
    furthest = max(channels, key=lambda count: trials.run(count, (USUAL, USUAL)).calls)
    failure = trials.constant_failure(furthest)
    if failure is None or failure.assertion:
        return
    extra = optional_inputs(trials.module)
    if failure.wants_cuda:
        why = "its code moves data to a device other than the network's"
        way = "write .to(x.device) there instead of .cuda() or a fixed device"
    elif extra and "NoneType" in failure.text:
        why = f"forward wants a second input ({', '.join(extra)}), although it is optional"
        way = "open one that takes a single image"
    else:
        why = "its code fails on an input of any size"
        way = "correct it there" if failure.place else "open another network"
        way += ", or specify its input, as in --input 3x256x256" if failure.check else ""
    raise ModelError(f"{path.name}: {why} ({failure.sentence}); {way}")


def _give_up(trials: Trials, path: Path, channels: int | None) -> FoundInput:
    ran = next((trial for trial in trials.done.values() if trial.ran), None)
    if ran is not None:
        fault = ran.fault or "it returns a row of scores for each cell of a map"
        raise _unsuitable(path, fault)
    tried = tuple(dict.fromkeys(size for _, size in trials.done))
    failure: Failure | None = next(
        (trial.failure for trial in trials.done.values() if trial.failure is not None), None
    )
    raise ChoiceNeeded(
        f"{path.name}: the network ran on none of {len(tried)} input sizes "
        f"({failure.sentence if failure is not None else ''}); specify its "
        "input, as in --input 3x256x256",
        WhichInput(path, channels, tried),
    )
