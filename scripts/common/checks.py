"""What every check of a packaged program needs: how it fails, how it waits, what it reads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class CheckFailed(Exception):
    """Something is not as it should be; says what."""


def wait_for(
    what: str, ask: Callable[[], _T | None], seconds: float = 60.0, every_s: float = 0.3
) -> _T:
    """What ask() answers once it is something. Raises CheckFailed when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise CheckFailed(f"after {seconds:.0f} s still not: {what}")
        time.sleep(every_s)


def failed_step(report: dict[str, Any]) -> str:
    """The first step that failed, as it stands in the self-test's report; '' where none did."""
    return next((json.dumps(step) for step in report["steps"] if not step["ok"]), "")
