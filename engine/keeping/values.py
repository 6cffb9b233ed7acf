"""Checks of JSON values, each with the name that an error calls them by. All raise SessionError."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from engine.errors import SessionError

T = TypeVar("T")


def mapping(value: object, name: str) -> dict[str, Any]:
    """An object of JSON."""
    if not isinstance(value, dict):
        raise SessionError(f"'{name}' must be an object")
    return value


def mapping_in(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object under a name; empty if it is missing."""
    return mapping(facts.get(name, {}), name)


def list_in(facts: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """A list under a name; empty if it is missing."""
    value = facts.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise SessionError(f"'{name}' must be a list of at most {most:,}")
    return value


def numbered_in(facts: Mapping[str, Any], name: str) -> dict[str, int]:
    """An object of whole numbers under a name."""
    return {key: whole(value, name) for key, value in mapping_in(facts, name).items()}


def _typed(kind: type[T], words: str) -> Callable[[object, str], T]:
    def checked(value: object, name: str) -> T:
        # True is an int as well.
        if type(value) is not kind:
            raise SessionError(f"'{name}' must be {words}")
        return value

    return checked


text = _typed(str, "a string")
flag = _typed(bool, "true or false")


def text_or_none(value: object, name: str) -> str | None:
    """A string, or None."""
    return None if value is None else text(value, name)


def name(value: object, called: str) -> str:
    """A string that is not empty."""
    given = text(value, called)
    if not given:
        raise SessionError(f"'{called}' must not be empty")
    return given


def among(value: object, known: tuple[str, ...], name: str) -> str:
    """One of the known strings."""
    if not isinstance(value, str) or value not in known:
        raise SessionError(f"'{name}' must be one of {', '.join(known)}")
    return value


def whole(value: object, name: str) -> int:
    """A whole number from 0 that fits 64 bits."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise SessionError(f"'{name}' must be a whole number from 0")
    return value


def number(value: object, name: str) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not math.isfinite(cast(float, value)):
        raise SessionError(f"'{name}' must be a number")
    return float(cast(float, value))


def numbers(value: object, count: int, name: str) -> tuple[float, ...]:
    """A list of so many finite numbers."""
    if not isinstance(value, list) or len(value) != count:
        raise SessionError(f"'{name}' must be a list of {count} numbers")
    return tuple(number(one, name) for one in value)
