"""Progress reports and cancellation for work in the engine."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Cancelled

Report = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a few words on what is going on."""


def ignore_progress(fraction: float, text: str) -> None:
    """A Report for callers that do not watch."""


class CancelToken:
    """Set once by any thread, read by the engine between operations.

    A plain attribute is enough: its assignment is atomic, and the engine polls it in its hooks.
    """

    __slots__ = ("_cancelled",)

    def __init__(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        """Ask for the work to stop at the next opportunity; safe from any thread."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled once cancel() was called."""
        if self._cancelled:
            raise Cancelled("cancelled")
