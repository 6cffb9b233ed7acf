"""The table of a folder, as CSV and, with pyarrow, as Parquet."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engine.files.atomic import whole_file
from engine.folders import formulas
from engine.folders.index.queries import Index, Shown
from engine.folders.records import Job

CSV, PARQUET = "table.csv", "table.parquet"

_FIRST = ("path", "label", "prediction", "probability", "correct", "class", "layer", "method")
_FIGURES = ("margin", "entropy", "loss", "score", "border", "corners", "spread", "verdict")
_PROPERTIES = ("width", "height", "brightness", "contrast", "blur", "grey")

COLUMNS = (*_FIRST, "error", *_FIGURES, *_PROPERTIES, "tags")

_AT_ONCE = 10_000


def write_tables(index: Index, job: int, folder: Path) -> list[Path]:
    """Write table.csv, and table.parquet if pyarrow is installed; the files. One row for each
    input, in their order, and further columns of an input table at the end.

    Raises ExportError.
    """
    _, about = index.job(job)
    target = folder / CSV
    write_csv(index, index.each(job), about, target)
    if importlib.util.find_spec("pyarrow") is None:
        return [target]
    more = index.further()
    _write_parquet(folder / PARQUET, _values(index.each(job), about, more), _titles(more))
    return [target, folder / PARQUET]


def write_csv(index: Index, rows: Iterable[Shown], about: Job, target: Path) -> None:
    """Write some rows of an index, with the columns of write_tables. Raises ExportError."""
    more = index.further()
    with whole_file(target) as file:
        # Names of files keep their bytes, whatever these are.
        text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow([_cell(title) for title in _titles(more)])
        for values in _values(rows, about, more):
            writer.writerow([_cell(value) for value in values])
        text.flush()
        text.detach()


def _titles(more: Sequence[str]) -> list[str]:
    """The program's own columns and further ones, each of another name."""
    taken = {*COLUMNS, *more}
    titles = list(COLUMNS)
    for name in more:
        title = name
        while title in COLUMNS or (title != name and title in taken):
            title = f"{title} (input)"
        taken.add(title)
        titles.append(title)
    return titles


def _values(rows: Iterable[Shown], about: Job, more: Sequence[str]) -> Iterator[list[object]]:
    for shown in rows:
        own = _values_of(shown, about)
        yield [*(own.get(name) for name in COLUMNS), *(shown.more.get(name, "") for name in more)]


def _values_of(shown: Shown, about: Job) -> dict[str, Any]:
    """The values of a row by the names of COLUMNS; those that are missing have none."""
    values: dict[str, Any] = {
        "path": shown.path,
        "label": shown.label,
        "error": shown.error,
        "tags": shown.tags,
    }
    row, own = shown.row, shown.properties
    if own is not None:
        values |= {name: getattr(own, name) for name in _PROPERTIES}
    if row is None:
        return values
    names = about.classes
    values |= {
        "prediction": None if row.prediction is None else names[row.prediction],
        "probability": row.probability,
        "correct": row.correct,
        "class": None if row.target is None else names[row.target],
        "layer": about.layer,
        "method": about.method,
        "margin": row.margin,
        "entropy": row.entropy,
        "loss": row.loss,
        "score": row.value,
        "verdict": row.verdict,
    }
    if row.figures is not None:
        values |= {name: getattr(row.figures, name) for name in ("border", "corners", "spread")}
    return values


def _cell(value: object) -> str:
    """A value as a cell of the CSV file. Text that a spreadsheet would take for a formula has an
    apostrophe before it, which lists of inputs are read without."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    text = str(value)
    return f"'{text}" if formulas.is_one(text) else text


def _write_parquet(path: Path, values: Iterator[list[object]], names: list[str]) -> None:
    """Some thousands of rows at a time. Imported by name, so that no bundler includes it."""
    arrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    kinds = {"correct": arrow.bool_(), "grey": arrow.bool_()}
    kinds |= dict.fromkeys(("width", "height"), arrow.int32())
    numbers = ("probability", "margin", "entropy", "loss", "score", "border", "corners", "spread")
    kinds |= dict.fromkeys((*numbers, "brightness", "contrast", "blur"), arrow.float64())
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in names])
    rows = ([_utf8(value) for value in row] for row in values)
    with whole_file(path) as file, parquet.ParquetWriter(file, schema) as writer:
        while piece := list(islice(rows, _AT_ONCE)):
            columns = zip(*piece, strict=True)
            arrays = [
                arrow.array(list(column), field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _utf8(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
