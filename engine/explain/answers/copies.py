"""The option augment: the mean of the maps of several copies of the image."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.explain.answers.known import KnownMaps
from engine.explain.asking import Asking
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap
from engine.methods.inputs import Sums
from engine.methods.modifiers import COPIES, of_one_copy
from engine.methods.registry import Chosen
from engine.passes.hooks import Call
from engine.progress import CancelToken, Report

Maps = Mapping[Call, RawMap]
Find = Callable[[Computation, KnownMaps, Asking, Chosen, Report], Maps]
"""From a copy of the image and a method to its maps."""

_FACTORS = (1.0, 0.9, 1.1)
_VARIANTS = tuple((mirrored, factor) for mirrored in (False, True) for factor in _FACTORS)
"""The first one is the image itself."""

assert len(_VARIANTS) == COPIES


def varied(image: Tensor, *, mirrored: bool, factor: float) -> Tensor:
    """A copy of the network's input (1, channels, h, w): mirrored left to right, and multiplied.

    With a mean subtracted, as in most preprocessing, the factor changes the contrast about it.
    """
    with torch.inference_mode(False):
        turned = image.flip(-1) if mirrored else image.clone()
        return turned * factor


def mean_of_copies(
    work: Computation,
    known: KnownMaps,
    asking: Asking,
    how: Chosen,
    start: Call | None,
    find: Find,
    cancel: CancelToken | None,
    progress: Report,
) -> dict[Call, RawMap]:
    """The mean of the maps of all copies, those of mirrored ones mirrored back.

    The test-time augmentation of pytorch-grad-cam: the copies are mirrored or not, and their input
    is multiplied by 0.9, 1 and 1.1. The same is asked of each, whatever the network answers there.
    Maps are neither cut at zero nor scaled before the mean, so that of a method linear in the score
    it is linear as well. What there is to say about the image itself is said.

    start: the earliest call that is explained, None for the input. Maps of the image itself that
    are known take no pass. Raises Cancelled, before any copy.
    """
    started = time.perf_counter()
    single = of_one_copy(how)
    sets: list[Maps] = [find(work, known, asking, single, _part(progress, 0))]
    for number, (mirrored, factor) in enumerate(_VARIANTS[1:], 1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        copy = work.of_copy(varied(work.image, mirrored=mirrored, factor=factor), start)
        try:
            there = asking.of_copy(copy, mirrored=mirrored)
            maps = find(copy, KnownMaps(), there, single, _part(progress, number))
        finally:
            copy.close()
        sets.append({c: _mirrored(raw) for c, raw in maps.items()} if mirrored else maps)
    calls = [call for call in sets[0] if all(call in maps for maps in sets)]
    share = (time.perf_counter() - started) / max(1, len(calls))
    return {call: _mean([maps[call] for maps in sets], share) for call in calls}


def _part(progress: Report, number: int) -> Report:
    """The progress of one copy as a part of that of all."""
    words = f"copy {number + 1} of {COPIES}"
    progress(number / COPIES, words)
    return lambda fraction, text: progress((number + fraction) / COPIES, f"{text}, {words}")


def _mirrored(raw: RawMap) -> RawMap:
    return replace(raw, map=np.ascontiguousarray(raw.map[:, ::-1]))


def _mean(found: list[RawMap], seconds: float) -> RawMap:
    first = found[0]
    total = np.stack([raw.map for raw in found]).mean(axis=0, dtype=np.float64)
    sums: Sums | None = None
    parts = [raw.sums for raw in found if raw.sums is not None]
    if len(parts) == len(found):
        sums = parts[0]
        for other in parts[1:]:
            sums = sums.plus(other)
        sums = sums.scaled(1 / len(found))
    return replace(
        first,
        map=np.asarray(total, np.float32),
        anything=any(raw.anything for raw in found),
        seconds=seconds,
        sums=sums,
    )
