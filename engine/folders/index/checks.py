"""Whether what is in an index can be, so that of one that is damaged, or was changed by another
program, one line says so."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from engine.errors import HookscopeError
from engine.folders.records import LARGEST_GRID, Job

_SCORES = ("CLASSES", "LABELS", "SIDES", "VALUES")
_TEXTS = ("key", "model", "layer", "method", "policy", "scores")
_CLASSES = ("label", "prediction", "target")
_NUMBERS = ("probability", "value", "margin", "entropy", "loss", "border", "corners", "spread")
_PROPERTIES = ("brightness", "contrast", "blur")
_LONGEST_SIDE = (1 << 31) - 1


def job_of(row: sqlite3.Row, file: Path) -> Job:
    """The job of a row of jobs. Raises HookscopeError if it is none."""
    try:
        classes, facts = json.loads(row["classes"]), json.loads(row["facts"])
    except (ValueError, TypeError, RecursionError):
        raise _damaged(file, "a job is no JSON") from None
    texts = {name: row[name] for name in _TEXTS}
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not named or not isinstance(facts, dict) or not all(map(_is_text, texts.values())):
        raise _damaged(file, "a job is of another type")
    policy = texts["policy"]
    known = not policy.isdigit() or int(policy[:10]) < len(classes)
    if texts["scores"] not in _SCORES or not known:
        raise _damaged(file, "a job is of no network")
    return Job(**texts, classes=tuple(classes), facts=facts)


def check_rows(connection: sqlite3.Connection, job: int, about: Job, file: Path) -> None:
    """Raises HookscopeError if inputs, rows or maps have what cannot be, and sqlite3.Error."""
    last = len(about.classes) - 1
    wrong = " OR ".join(
        (
            *(f"({name} IS NOT NULL AND NOT {_is_class(name, last)})" for name in _CLASSES),
            *(f"typeof({name}) NOT IN ('real', 'integer', 'null')" for name in _NUMBERS),
            *(f"({name} GLOB '*[^0-9 ]*' OR length({name}) > 1000000)" for name in _LISTS),
            "(correct IS NOT NULL AND correct NOT IN (0, 1))",
            "typeof(verdict) <> 'text' OR typeof(error) <> 'text'",
        )
    )
    _none(connection, f"rows WHERE job = {int(job)} AND ({wrong})", file, "a result")
    for name in _LISTS:
        # As lists of JSON, for SQLite has no other way to take a text apart.
        listed = f"json_each('[' || replace(trim({name}), ' ', ',') || ']') e"
        beyond = f"rows, {listed} WHERE job = {int(job)} AND {name} <> '' AND e.value > {last}"
        _none(connection, beyond, file, "a result")
    sides = " AND ".join(
        f"typeof({name}) = 'integer' AND {name} BETWEEN 1 AND {LARGEST_GRID}"
        for name in ("rows", "columns")
    )
    right = f'{sides} AND typeof("values") = \'blob\' AND length("values") = 4 * rows * columns'
    places = " AND ".join(f"typeof({name}) = 'real'" for name in ("x", "y", "width", "height"))
    _none(connection, f"maps WHERE job = {int(job)} AND NOT ({right} AND {places})", file, "a map")
    wrong = " OR ".join(
        (
            *(f"typeof({name}) NOT IN ('real', 'integer', 'null')" for name in _PROPERTIES),
            "(more <> '' AND (NOT json_valid(more) OR json_type(more) <> 'object'))",
            "(grey IS NOT NULL AND grey NOT IN (0, 1)) OR path = ''",
            "((width IS NULL) <> (height IS NULL))",
            *(f"({name} IS NOT NULL AND NOT {_is_side(name)})" for name in ("width", "height")),
            *(f"typeof({name}) <> 'text'" for name in ("path", "name", "label", "error", "tags")),
        )
    )
    _none(connection, f"inputs WHERE {wrong}", file, "an image")
    wrong = "typeof(computed) <> 'integer' OR typeof(seconds) NOT IN ('real', 'integer')"
    _none(connection, f"runs WHERE {wrong}", file, "a run")


_LISTS = ("labels", "positives")


def _is_class(name: str, last: int) -> str:
    return f"(typeof({name}) = 'integer' AND {name} BETWEEN 0 AND {last})"


def _is_side(name: str) -> str:
    return f"(typeof({name}) = 'integer' AND {name} BETWEEN 1 AND {_LONGEST_SIDE})"


def _none(connection: sqlite3.Connection, where: str, file: Path, what: str) -> None:
    if connection.execute(f"SELECT 1 FROM {where} LIMIT 1").fetchone() is not None:
        raise _damaged(file, f"what it has of {what} cannot be")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _damaged(file: Path, why: str) -> HookscopeError:
    return HookscopeError(
        f"{file}: the index is damaged ({why}); put a copy back if you have one, or move it away "
        "and run batch again"
    )
