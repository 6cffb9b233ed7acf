"""Progress reports and cancellation for work in the engine."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Cancelled

Report = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a short description of the current step."""


def ignore_progress(fraction: float, text: str) -> None:
    """A Report that does nothing."""


class CancelToken:
    """A flag that any thread can set once, and that the engine checks between operations.

    A plain attribute suffices: its assignment is atomic, and the engine polls it in its hooks.
    """

    __slots__ = ("_cancelled",)

    def __init__(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        """Request that the work stop at the next opportunity; safe from any thread."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled once cancel() was called."""
        if self._cancelled:
            raise Cancelled("cancelled")
