"""Rows as a reader gives them: an input with all that is known of it, and counts of many."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from engine.folders.index.rows import row_of
from engine.folders.records import Properties, Row, Stamp


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An input with all that is known of it. number: in the index. row: None before it is
    computed, and if the file cannot be read. error: why there is no map; '' if there is one, or if
    it is not computed yet."""

    number: int
    path: str
    name: str
    label: str
    stamp: Stamp
    more: dict[str, str]
    tags: str
    properties: Properties | None
    row: Row | None
    error: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Inputs in all; with a row or a reason; unreadable; with a label that is a class; right."""

    images: int
    done: int
    unreadable: int
    failed: int
    labelled: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.labelled if self.labelled else None


ROW_COLUMNS = ", " + ", ".join(
    (
        "r.content AS row_content, r.label AS row_label, r.labels, r.prediction, r.probability",
        "r.correct, r.target, r.value, r.margin, r.entropy, r.loss, r.positives, r.border",
        "r.corners, r.spread, r.verdict, r.error AS row_error, m.columns, m.x, m.y",
        'm.width AS map_width, m.height AS map_height, m."values"',
    )
)
"""What shown_of needs beside the columns of the inputs, r of rows and m of maps."""


def shown_of(found: sqlite3.Row) -> Shown:
    """An input with its row, from what was selected of both."""
    properties = None
    if found["width"] is not None:
        names = ("width", "height", "brightness", "contrast", "blur")
        width, height, brightness, contrast, blur = (found[name] for name in names)
        properties = Properties(width, height, brightness, contrast, blur, bool(found["grey"]))
    return Shown(
        number=found["id"],
        path=found["path"],
        name=found["name"],
        label=found["label"],
        stamp=(found["size"], found["changed"]),
        more=json.loads(found["more"]) if found["more"] else {},
        tags=found["tags"],
        properties=properties,
        row=row_of(found, joined=True) if found["job"] is not None else None,
        error=found["reason"],
    )
