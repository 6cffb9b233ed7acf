"""Trial forward passes: whether a network runs on an input size, and what it returns.

They run on a copy on torch's meta device, so that each takes milliseconds whatever the network's
size; a network that cannot run without data is run for real.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from engine.formats.rejections import fault_of_output, tensors_in
from engine.lazy.shapes import without_symbols
from engine.loading.input_hints import Size
from engine.loading.pass_failures import Failure, failure_of
from engine.passes.copies import meta_copy
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating, watching
from engine.passes.memory.allocation import Bounded, limit_of
from engine.passes.observation import dtype_of
from engine.progress import CancelToken

_log = logging.getLogger(__name__)

# Limits are counted in module calls, passes and operations on numbers rather than in seconds, so
# that the result does not depend on the machine's load. They amount to some seconds.
_MOST_CALLS = 100_000
_MOST_TRIALS = 600
_MOST_REAL_TRIALS = 80
_MOST_REAL_WORK = 10**12

# A network fails for a reason other than the size if it fails alike at all of these sides.
_APART = (224, 32, 512)

_LARGEST_REAL = 640


@dataclass(frozen=True, slots=True)
class Trial:
    """One pass with one input.

    fault: why the output is not a classifier's; '' if it returned logits, or if it failed.
    ran: the pass completed. failure: why it did not. scores: how many logits it returned.
    grid: (channels, rows, columns) of the last spatial output. calls: modules that returned.
    dense: the output is a single cell only because the input is small (a dense prediction).
    spatial: rows and columns of the output, (1, 1) if it has none.
    """

    ran: bool
    fault: str
    failure: Failure | None
    grid: tuple[int, int, int] | None
    calls: int
    scores: int = 0
    dense: bool = False
    spatial: Size = (1, 1)

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
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise RuntimeError(f"it calls its modules more than {_MOST_CALLS:,} times")
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
    all trials; work: operations on numbers in those with data.
    """

    module: nn.Module
    cancel: CancelToken | None
    real: bool = False
    shadow: nn.Module = field(init=False)
    done: dict[tuple[int, Size], Trial] = field(default_factory=dict)
    calls: int = 0
    work: int = 0

    def __post_init__(self) -> None:
        try:
            self.shadow = meta_copy(self.module)
        except NETWORK_ERRORS as error:
            _log.info("no copy without data: %s", error)
            self.shadow, self.real = self.module, True

    @property
    def spent(self) -> bool:
        most = _MOST_REAL_TRIALS if self.real else _MOST_TRIALS
        worked = self.calls > _MOST_CALLS or self.work > _MOST_REAL_WORK
        return worked or len(self.done) >= most

    def constant_failure(self, channels: int) -> Failure | None:
        """The failure that is the same for small and large inputs, and for all that were tried;
        None if there is none."""
        first = self.run(channels, (_APART[0],) * 2).failure
        if first is None or any(self.run(channels, (n, n)).failure != first for n in _APART):
            return None
        tried = (trial.failure for (count, _), trial in self.done.items() if count == channels)
        return first if all(failure == first for failure in tried) else None

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
            return Trial(False, "", Failure("too large to try"), None, 0)
        network = self.module if self.real else self.shadow
        tensors: Iterator[Tensor] = itertools.chain(network.parameters(), network.buffers())
        device = next((t.device for t in tensors), torch.device("cpu")) if self.real else "meta"
        watch = _Watch()
        bound = Bounded(limit_of(network, torch.device(device))) if self.real else None
        try:
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                evaluating(network),
                watching(network, watch, self.cancel),
                bound or without_symbols(),
            ):
                picture = torch.zeros(1, channels, *size, device=device, dtype=dtype_of(network))
                output = network(picture)
        except NETWORK_ERRORS as error:
            if not self.real and _wants_data(error):
                _log.info("no trial without data: %s", error)
                return None
            return Trial(False, "", failure_of(error), watch.grid, watch.calls)
        finally:
            self.work += bound.work if bound is not None else 0
        shape = next((t.shape for t in tensors_in(output)), torch.Size())
        spatial = (shape[2], shape[3]) if len(shape) == 4 else (1, 1)
        dense = len(shape) == 4 and watch.strided
        return Trial(
            ran=True,
            fault=fault_of_output(output),
            failure=None,
            grid=watch.grid,
            calls=watch.calls,
            scores=shape.numel(),
            dense=dense,
            spatial=spatial,
        )


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
    """Of a number for both axes, or one for each; converters keep lists, as in [3, 3]."""
    return int(value[0] if isinstance(value, tuple | list) else value)


def _wants_data(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or "meta" in str(error).lower()
