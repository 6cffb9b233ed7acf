"""Sees whether a pass comes so near to a kink that rounding decides on which side it is.

The gradient jumps where a ReLU's input is zero and where two numbers of a window are the largest.
Two ways to compute the same network agree on the numbers to some 1e-7 and may still disagree there,
and one unit deep in a network then moves a map by up to a hundredth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Of a tensor's peak: what two ways to compute a network in float32 differ by where the numbers are
# small. Measured on torchvision's classifiers, 1e-7 to 1e-6.
_NEAR = 1e-6
# Exact zeros of which there are fewer than one in so many are a coincidence.
_COINCIDENCE = 1000

_aten = torch.ops.aten
# With the places where the derivative jumps, if these are no arguments.
_FIXED: dict[Any, tuple[float, ...]] = {
    **dict.fromkeys((_aten.relu, _aten.relu_, _aten.leaky_relu, _aten.leaky_relu_), (0.0,)),
    **dict.fromkeys((_aten._prelu_kernel, _aten.abs, _aten.abs_, _aten.elu, _aten.elu_), (0.0,)),
    **dict.fromkeys((_aten.relu6, _aten.relu6_), (0.0, 6.0)),
    **dict.fromkeys((_aten.hardswish, _aten.hardswish_), (-3.0, 3.0)),
    **dict.fromkeys((_aten.hardsigmoid, _aten.hardsigmoid_), (-3.0, 3.0)),
}
_LIMITS = {
    *(_aten.hardtanh, _aten.hardtanh_, _aten.threshold, _aten.threshold_),
    *(_aten.clamp, _aten.clamp_, _aten.clamp_min, _aten.clamp_min_, _aten.clamp_max),
}
_LARGEST = {_aten.max_pool2d_with_indices, _aten.max_pool2d, _aten.adaptive_max_pool2d}
_COMPARING = {_aten.maximum, _aten.minimum}


class Kinks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """near: whether that has happened since the pass was at its start.

    What reads the start's output itself is left out: a cell whose gradient jumps there is one of
    many in the mean, and is itself zero or equal to the other.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.near = False
        self._start = 0
        self._entered = ExitStack()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False spares the import of torch's compiler, which this mode has nothing to do with."""
        return False

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Around a pass, in which begin says where to look from."""
        with ExitStack() as self._entered:
            yield

    def begin(self, start: Tensor) -> None:
        """Look from here on; start: the output at which the graph starts."""
        self.near, self._start = False, start.data_ptr()
        self._entered.enter_context(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kind = func.overloadpacket
        # Before the call: an operation in place changes what it reads.
        if not self.near and args and isinstance(args[0], Tensor):
            read = args[0]
            if read.is_floating_point() and read.data_ptr() != self._start:
                self.near = _is_near(kind, read, args[1:])
        return func(*args, **(kwargs or {}))


def _is_near(kind: Any, read: Tensor, others: tuple[Any, ...]) -> bool:
    if kind in _FIXED:
        return any(_is_close(read, place) for place in _FIXED[kind])
    if kind in _LIMITS:
        return any(_is_close(read, float(at)) for at in others if isinstance(at, int | float))
    if kind in _COMPARING:
        return _is_close(read - others[0], 0.0, float(read.abs().max()))
    return kind in _LARGEST and _is_tied(read, kind, others)


def _is_close(read: Tensor, place: float, peak: float | None = None) -> bool:
    """Whether any number is at the place but for rounding."""
    apart = read.abs() if place == 0 else (read - place).abs()
    near = apart <= _NEAR * (float(read.abs().max()) if peak is None else peak)
    if not bool(near.any()):
        return False
    exact = int((apart == 0).sum())
    # Many exact zeros are the work of a ReLU before, and the same in every way to compute them.
    return int(near.sum()) > exact or exact <= max(1, read.numel() // _COINCIDENCE)


def _is_tied(read: Tensor, kind: Any, others: tuple[Any, ...]) -> bool:
    """Whether the two largest numbers of a window are the same but for rounding."""
    pooled = kind(read, *others)
    if not isinstance(pooled, tuple):
        return True
    largest, places = pooled
    # Without the largest of each window, what is left is compared with it.
    rest = read.flatten(-2).clone()
    rest.scatter_(-1, places.flatten(-2), -torch.inf)
    second = kind(rest.view_as(read), *others)[0]
    near = largest - second <= _NEAR * float(read.abs().max())
    # Two exact zeros come from a ReLU before, and the first of them is taken in any case.
    return bool((near & (largest != 0)).any())
