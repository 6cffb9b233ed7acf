"""Trial forward passes: whether a network runs on an input size, and what it returns.

They run on a copy on torch's meta device, so that each takes milliseconds whatever the network's
size; a network that cannot run without data is run for real.
"""

from __future__ import annotations

import itertools
import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import one_line
from engine.formats.rejections import fault_of_output, tensors_in
from engine.passes.allocation import Bounded, limit_of
from engine.passes.copies import meta_copy
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating, watching
from engine.passes.observation import dtype_of
from engine.progress import CancelToken
from engine.reader import client

_log = logging.getLogger(__name__)

Size = tuple[int, int]
"""(height, width)."""

# Limits are counted in module calls and passes rather than in seconds, so that the result does not
# depend on the machine's load. Both amount to a few seconds.
_MOST_CALLS = 100_000
_MOST_TRIALS = 600
_MOST_REAL_TRIALS = 80

_LARGEST_REAL = 640


@dataclass(frozen=True, slots=True)
class Trial:
    """One pass with one input.

    fault: why the output is not a classifier's; '' if it returned logits, or if it failed.
    ran: the pass completed. error: why it did not.
    grid: (channels, rows, columns) of the last spatial output. calls: modules that returned.
    dense: the output is a single cell only because the input is small (a dense prediction).
    spatial: rows and columns of the output, (1, 1) if it has none. place: where in the user's code
    it failed, as text. assertion: it failed by an assertion, which may be about the size.
    """

    ran: bool
    fault: str
    error: str
    grid: tuple[int, int, int] | None
    calls: int
    dense: bool = False
    spatial: Size = (1, 1)
    place: str = ""
    assertion: bool = False

    @property
    def accepted(self) -> bool:
        return self.ran and not self.fault and not self.dense


@dataclass(slots=True)
class _Watch:
    """Observes the modules' outputs in one trial.

    strided: the last spatial output was reduced to a single cell by a stride.
    """

    grid: tuple[int, int, int] | None = None
    calls: int = 0
    strided: bool = False
    single: bool = False

    def __call__(self, _call: Call, module: nn.Module, output: Tensor) -> None:
        client.raise_if_late()
        self.calls += 1
        if output.ndim != 4 or output.shape[0] != 1:
            return
        _, channels, rows, columns = output.shape
        before, self.single = self.single, (rows, columns) == (1, 1)
        if not self.single:
            self.grid = (channels, rows, columns)
            self.strided = False
        elif not before and self.grid is not None:
            self.strided = _by_stride(module, self.grid[1:])


@dataclass(slots=True)
class Trials:
    """Runs a network on inputs of different sizes, and caches the results.

    real: the network itself is run instead of a copy on the meta device. calls: module calls in
    all trials.
    """

    module: nn.Module
    cancel: CancelToken | None
    real: bool = False
    shadow: nn.Module = field(init=False)
    done: dict[tuple[int, Size], Trial] = field(default_factory=dict)
    calls: int = 0

    def __post_init__(self) -> None:
        try:
            self.shadow = meta_copy(self.module)
        except NETWORK_ERRORS as error:
            _log.info("no copy without data: %s", error)
            self.shadow, self.real = self.module, True

    @property
    def spent(self) -> bool:
        most = _MOST_REAL_TRIALS if self.real else _MOST_TRIALS
        return self.calls > _MOST_CALLS or len(self.done) >= most

    def run(self, channels: int, size: Size) -> Trial:
        key = (channels, size)
        if key not in self.done:
            if self.cancel is not None:
                self.cancel.raise_if_cancelled()
            trial = self._run(channels, size)
            if trial is None:
                self.real = True
                trial = self._run(channels, size)
            assert trial is not None
            self.calls += trial.calls
            self.done[key] = trial
        return self.done[key]

    def _run(self, channels: int, size: Size) -> Trial | None:
        """None if this network cannot run on the meta device."""
        if self.real and max(size) > _LARGEST_REAL:
            return Trial(False, "", "too large to try", None, 0)
        network = self.module if self.real else self.shadow
        tensors: Iterator[Tensor] = itertools.chain(network.parameters(), network.buffers())
        device = next((t.device for t in tensors), torch.device("cpu")) if self.real else "meta"
        watch = _Watch()
        try:
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                evaluating(network),
                watching(network, watch, self.cancel),
                Bounded(limit_of(network, torch.device(device))) if self.real else nullcontext(),
            ):
                picture = torch.zeros(1, channels, *size, device=device, dtype=dtype_of(network))
                output = network(picture)
        except NETWORK_ERRORS as error:
            if not self.real and _wants_data(error):
                _log.info("no trial without data: %s", error)
                return None
            first = one_line(error)
            about = isinstance(error, AssertionError) and "CUDA" not in first
            return Trial(
                *(False, "", first, watch.grid, watch.calls),
                place=_place(error),
                assertion=about,
            )
        shape = next((t.shape for t in tensors_in(output)), torch.Size())
        spatial = (shape[2], shape[3]) if len(shape) == 4 else (1, 1)
        dense = len(shape) == 4 and watch.strided
        return Trial(True, fault_of_output(output), "", watch.grid, watch.calls, dense, spatial)


def _by_stride(module: nn.Module, grid: Sequence[int]) -> bool:
    """Whether this module reduced a grid to one cell by its stride, and a larger one to several.

    A head whose kernel covers the whole grid (a large kernel, or one with stride 1) is designed
    for exactly this grid.
    """
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return False
    kernel, stride = _first(module.kernel_size), _first(module.stride)
    padding = {"valid": 0, "same": kernel // 2}.get(str(module.padding))
    if padding is None:
        padding = _first(module.padding)
    if (max(grid) + 2 * padding - kernel) // stride > 0:
        return False  # reduced between the modules (by a mean, for example)
    sees_all = padding == 0 and kernel >= max(grid)
    return not (sees_all and (kernel > 3 or stride == 1))


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple | list) else value)


def _place(error: BaseException) -> str:
    """The last line of code outside of the libraries and this program; '' if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
    own = [
        f for f in frames if not f.filename.startswith(ours) and "site-packages" not in f.filename
    ]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _wants_data(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or "meta" in str(error).lower()
