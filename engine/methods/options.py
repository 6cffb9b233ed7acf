"""The options of a method: what each may be, and values read from texts or checked.

Plain values, without torch and without numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import MethodError
from engine.records.options import Value


class Kind(StrEnum):
    """What the value of an option is."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Option:
    """A number, a switch or a choice that a method leaves to its user.

    name: as in NAME=VALUE. title: what it does, in a few words. low, high: the range of a number,
    both ends included; None where it has no such end. choices: those of a choice. shared: whether
    many methods have it; its value is left out of a Chosen at its default.
    """

    name: str
    title: str
    kind: Kind
    default: Value
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    shared: bool = False


def parse(slug: str, options: tuple[Option, ...], texts: Mapping[str, str]) -> dict[str, Value]:
    """A value for each option, from the texts of NAME=VALUE and from the defaults.

    slug: of the method, for messages. Raises MethodError for a name that is none of the options,
    and for a value that is not of the option's kind or lies outside its range.
    """
    values: dict[str, object] = {}
    for name, text in texts.items():
        values[name] = _read(slug, _named(slug, options, name), text)
    return check(slug, options, values)


def check(slug: str, options: tuple[Option, ...], values: Mapping[str, object]) -> dict[str, Value]:
    """A value for each option, from the values given and from the defaults.

    Options that methods share are left out at their defaults. A whole number is taken for a float.
    Raises MethodError as parse does.
    """
    for name in values:
        _named(slug, options, name)
    checked = {
        option.name: _checked(slug, option, values[option.name])
        if option.name in values
        else option.default
        for option in options
    }
    plain = {option.name for option in options if option.shared}
    return {
        option.name: checked[option.name]
        for option in options
        if option.name not in plain or checked[option.name] != option.default
    }


def _named(slug: str, options: tuple[Option, ...], name: str) -> Option:
    for option in options:
        if option.name == name:
            return option
    if not options:
        raise MethodError(f"{slug} has no option '{name}'; it has none")
    known = ", ".join(option.name for option in options)
    raise MethodError(f"{slug} has no option '{name}'; choose {known}")


def _read(slug: str, option: Option, text: str) -> object:
    """The value that a text stands for; whether it is in range is not asked yet."""
    plain = text.strip()
    if option.kind is Kind.CHOICE:
        return plain
    if option.kind is Kind.BOOL:
        words = {"true": True, "yes": True, "on": True, "1": True}
        words |= {"false": False, "no": False, "off": False, "0": False}
        if plain.casefold() not in words:
            raise _wrong(slug, option, text)
        return words[plain.casefold()]
    try:
        return int(plain) if option.kind is Kind.INT else float(plain)
    except ValueError:
        raise _wrong(slug, option, text) from None


def _checked(slug: str, option: Option, value: object) -> Value:
    """The value, in the type of the option's kind."""
    if option.kind is Kind.CHOICE:
        if isinstance(value, str) and value in option.choices:
            return value
    elif option.kind is Kind.BOOL:
        if isinstance(value, bool):
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # Ends of a range are compared first: a whole number may be too large for a float.
        fits = (option.low is None or value >= option.low) and (
            option.high is None or value <= option.high
        )
        if option.kind is Kind.INT and isinstance(value, int) and fits:
            return value
        if option.kind is Kind.FLOAT and fits and _is_finite(value):
            return float(value)
    raise _wrong(slug, option, value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _wrong(slug: str, option: Option, value: object) -> MethodError:
    # Whatever was typed has to stay on the one line of the message, and leave room for the rest.
    text = value if isinstance(value, str) else repr(value)
    typed = " ".join(text.split())
    typed = typed if len(typed) <= 40 else typed[:40] + "..."
    return MethodError(
        f"{slug}: {option.name} is {range_of(option)}, not '{typed}'; "
        f"without it, it is {shown(option.default)}"
    )


def range_of(option: Option) -> str:
    """What the option may be, in words."""
    if option.kind is Kind.CHOICE:
        return "one of " + ", ".join(option.choices)
    if option.kind is Kind.BOOL:
        return "yes or no"
    noun = "a whole number" if option.kind is Kind.INT else "a number"
    low, high = (None if end is None else shown(end) for end in (option.low, option.high))
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}"
    if low is not None:
        return f"{noun} of at least {low}"
    return noun if high is None else f"{noun} of at most {high}"


def shown(value: Value) -> str:
    """The value as it would be typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
