"""Conditions on rows as people type them: 'confidence < 0.5', 'label = cat', 'wrong'."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from engine.errors import HookscopeError
from engine.folders.index.where import COLUMNS, Column, Where

WORDS: dict[str, Where] = {
    "wrong": Where("correct", among=(0,)),
    "right": Where("correct", among=(1,)),
    "unreadable": Where("error", given=True),
    "tagged": Where("tags", given=True),
    "grey": Where("grey", among=(1,)),
}
"""Conditions that are one word."""

ALIASES = {
    "confidence": "probability",
    "sharpness": "blur",
    "file": "name",
    "right": "correct",
    "predicted": "prediction",
    "tag": "tags",
}
"""Other names of columns."""

SPOKEN = {"probability": "confidence"}
"""Columns that are called otherwise where people read them."""

_FORM = re.compile(r"\s*([^<>=:≤≥]+?)\s*(<=|>=|≤|≥|<|>|=|:)\s*(.*?)\s*")
_RANGE = re.compile(r"(.+?)\s*(?:\.\.|…)\s*(.+)")
_TEXT = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]+))')
_YES, _NO = ("yes", "true", "1", "right"), ("no", "false", "0", "wrong")


def typed(text: str, classes: Sequence[str] = ()) -> Where:
    """The condition that a text stands for. A text without an operator is part of a name.

    classes: of the network, which are named in conditions on classes. Raises HookscopeError for an
    unknown column, a number that is none, or a class that the network does not have.
    """
    plain = text.strip()
    if plain.casefold() in WORDS:
        return WORDS[plain.casefold()]
    form = _FORM.fullmatch(plain)
    if form is None:
        return Where("name", contains=plain)
    name, operator, value = form[1], form[2].replace("≤", "<=").replace("≥", ">="), form[3]
    column = column_of(name)
    if not value:
        raise HookscopeError(f"{plain}: a value is missing after '{form[2]}'")
    if column.kind == "text":
        return _of_text(column, operator, value, plain)
    if column.kind == "number":
        return _of_number(column, operator, value, plain)
    if operator not in ("=", ":"):
        raise HookscopeError(f"{plain}: {column.title.lower()} can only be compared with '='")
    if column.kind == "flag":
        return _of_flag(column, value, plain)
    return Where(column.name, among=_classes(value, classes, plain))


def column_of(name: str) -> Column:
    """A column by its name, its title or another name. Raises HookscopeError."""
    wanted = _key(name)
    wanted = ALIASES.get(wanted, wanted)
    for column in COLUMNS.values():
        if wanted in (_key(column.name), _key(column.title)):
            return column
    known = ", ".join(sorted({*COLUMNS, *ALIASES} - {"place", "value"}))
    raise HookscopeError(f"no column is called '{name.strip()}'; there are {known}")


def in_words(where: Where, classes: Sequence[str] = ()) -> str:
    """A condition as it would be typed."""
    for word, known in WORDS.items():
        if where == known:
            return word
    title = SPOKEN.get(where.column, COLUMNS[where.column].title.lower())
    if where.contains:
        return where.contains if where.column == "name" else f"{title}: {where.contains}"
    if where.among is not None:
        kind = COLUMNS[where.column].kind
        names = [
            classes[one] if kind == "class" and isinstance(one, int) else _quoted(str(one))
            for one in where.among
        ]
        return f"{title} = {', '.join(names)}"
    if where.low is not None and where.high is not None:
        return f"{title} = {where.low:.4g}..{where.high:.4g}"
    if where.low is not None:
        return f"{title} >= {where.low:.4g}"
    return f"{title} <= {where.high:.4g}" if where.high is not None else title


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _of_text(column: Column, operator: str, value: str, text: str) -> Where:
    if operator == ":":
        return Where(column.name, contains=value)
    if operator == "=":
        return Where(column.name, among=_texts(value))
    raise HookscopeError(f"{text}: {column.title.lower()} is text; use '=' or ':' (contains)")


def _texts(value: str) -> tuple[str, ...]:
    """Texts between commas; one with a comma itself stands in double quotes."""
    found = (
        quoted.replace('""', '"') if quoted else plain.strip()
        for quoted, plain in _TEXT.findall(value)
    )
    return tuple(text for text in found if text) or (value,)


def _quoted(text: str) -> str:
    """A text as _texts reads it."""
    if not any(sign in text for sign in ',"'):
        return text
    return '"{}"'.format(text.replace('"', '""'))


def _of_number(column: Column, operator: str, value: str, text: str) -> Where:
    if operator in ("=", ":"):
        ends = _RANGE.fullmatch(value)
        low = _number(ends[1] if ends else value, text)
        return Where(column.name, low=low, high=_number(ends[2], text) if ends else low)
    number = _number(value, text)
    if operator == "<":
        return Where(column.name, high=math.nextafter(number, -math.inf))
    if operator == ">":
        return Where(column.name, low=math.nextafter(number, math.inf))
    if operator == "<=":
        return Where(column.name, high=number)
    return Where(column.name, low=number)


def _of_flag(column: Column, value: str, text: str) -> Where:
    if value.casefold() in _YES:
        return Where(column.name, among=(1,))
    if value.casefold() in _NO:
        return Where(column.name, among=(0,))
    raise HookscopeError(f"{text}: {column.title.lower()} is yes or no")


def _number(value: str, text: str) -> float:
    percent = value.endswith("%")
    try:
        number = float(value.removesuffix("%").strip())
    except ValueError:
        raise HookscopeError(f"{text}: '{value}' is no number") from None
    if not math.isfinite(number):
        raise HookscopeError(f"{text}: '{value}' is no number")
    return number / 100 if percent else number


def _classes(value: str, classes: Sequence[str], text: str) -> tuple[int, ...]:
    """Classes by name; a name may itself have commas."""
    whole = _class(value, classes)
    parts = [whole] if whole is not None else [_class(p, classes) for p in value.split(",")]
    found = [number for number in parts if number is not None]
    if len(found) < len(parts) or not found:
        raise HookscopeError(f"{text}: the network has no class '{value}'")
    return tuple(found)


def _class(name: str, classes: Sequence[str]) -> int | None:
    wanted = name.strip().casefold()
    for number, label in enumerate(classes):
        if label.casefold() == wanted:
            return number
    begun = [n for n, label in enumerate(classes) if label.casefold().startswith(wanted)]
    return begun[0] if wanted and len(begun) == 1 else None
