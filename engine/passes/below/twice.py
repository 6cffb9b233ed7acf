"""Makes operations derivable twice that torch derives only once, by others that say the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

_built_in: Any = torch._C._nn
_HARD_SIGMOIDS = (functional.hardsigmoid, _built_in.hardsigmoid, _built_in.hardsigmoid_)


class _Composed(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _HARD_SIGMOIDS:
            return functional.relu6(args[0] + 3) / 6
        return func(*args, **(kwargs or {}))


@contextmanager
def derivable_twice() -> Iterator[None]:
    """Passes inside compute attention in its parts, and hard sigmoids from ReLUs."""
    with sdpa_kernel(SDPBackend.MATH), _Composed():
        yield


def is_derivable_once(tensor: Tensor) -> bool:
    """Whether a gradient came through a function that is marked as derivable only once.

    torch takes its second derivative for zero where it is not asked for by name.
    """
    waiting: list[Any] = [tensor.grad_fn]
    seen: set[object] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == "Error":
            return True
        waiting += [before for before, _ in node.next_functions]
    return False
