"""Rows between their record and the columns of the index."""

from __future__ import annotations

import sqlite3

from engine.folders.index.schema import as_bytes
from engine.folders.records import Figures, Row
from engine.lazy.numpy import np


def values_of(row: Row) -> tuple[object, ...]:
    """A row for the columns of the table, from content on."""
    figures = row.figures
    return (
        *(row.content, row.label, _words(row.labels), row.prediction, row.probability),
        None if row.correct is None else int(row.correct),
        *(row.target, row.value, row.margin, row.entropy, row.loss, _words(row.positives)),
        *((None,) * 3 if figures is None else (figures.border, figures.corners, figures.spread)),
        *(row.verdict, as_bytes(row.error)),
    )


def row_of(found: sqlite3.Row, *, joined: bool = False) -> Row:
    """The record of a row that was selected with its map, of which map_rows may be NULL.

    joined: with its input, whose columns of the same names go before.
    """
    own, size = ("row_", "map_") if joined else ("", "")
    figures = None
    if found["border"] is not None:
        figures = Figures(found["border"], found["corners"], found["spread"])
    map, region = None, (0.0, 0.0, 1.0, 1.0)
    if found["map_rows"] is not None:
        shape = found["map_rows"], found["columns"]
        map = np.frombuffer(found["values"], "<f4").astype(np.float32).reshape(shape)
        region = (found["x"], found["y"], found[f"{size}width"], found[f"{size}height"])
    correct = found["correct"]
    return Row(
        content=found[f"{own}content"],
        label=found[f"{own}label"],
        labels=_numbers(found["labels"]),
        prediction=found["prediction"],
        probability=found["probability"],
        correct=None if correct is None else bool(correct),
        target=found["target"],
        value=found["value"],
        margin=found["margin"],
        entropy=found["entropy"],
        loss=found["loss"],
        positives=_numbers(found["positives"]),
        figures=figures,
        verdict=found["verdict"],
        error=found[f"{own}error"],
        map=map,
        region=region,
    )


def _words(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))
