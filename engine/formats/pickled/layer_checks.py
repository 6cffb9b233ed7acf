"""Checks for layer settings read from a file: exact types and plausible ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]


def never(value: object) -> bool:
    return value is False


def flag(value: object) -> bool:
    return type(value) is bool


def whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def real(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def text(*choices: str) -> Check:
    return lambda value: type(value) is str and value in choices


def or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def any_of(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def many(check: Check, *counts: int) -> Check:
    """A tuple or list of one of these lengths; of 1 to 8 values if none is given."""

    def checked(value: Any) -> bool:
        right = type(value) in (tuple, list) and len(value) in (counts or range(1, 9))
        return right and all(check(part) for part in value)

    return checked


def each(check: Check, axes: int) -> Check:
    """One value for all axes, or one per axis."""
    return any_of(check, many(check, axes))
