"""Cancels a pass between any two of its operations, forward and backward."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from engine.progress import CancelToken


class Polled(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises Cancelled at the first operation after the token is set.

    Module hooks are too far apart for a batch, and a backward pass has none.
    """

    def __init__(self, cancel: CancelToken | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cancel = cancel

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False spares the import of torch's compiler, which this mode has nothing to do with."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        return func(*args, **(kwargs or {}))


# Seconds of a pass beyond which its modules may be too far apart to be the only places to stop.
_LONG = 0.25


def polled_if_long(
    cancel: CancelToken | None, seconds: float
) -> AbstractContextManager[Polled | None]:
    """Polled where a pass may take long: it took so many seconds the last time, 0 for no idea.

    The first pass of a network takes many times as long as the next ones, since torch prepares each
    of its operations. Elsewhere the hooks between modules do, without a cost for every operation.
    """
    if cancel is None or 0 < seconds < _LONG:
        return nullcontext()
    return Polled(cancel)
