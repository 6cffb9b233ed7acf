"""Writes what is selected on the folder page: a table, a list, copies of the files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import ExportError, HookscopeError
from engine.files import regular
from engine.files.atomic import whole_file
from engine.files.destinations import cannot_write

if TYPE_CHECKING:
    from engine.folders.index.queries import Index, Shown
    from gui.jobs.lanes import Watch

_AT_ONCE = 500
_BLOCK = 1 << 20


def write_rows(folder: Path, job: int, numbers: Sequence[int], path: Path, watch: Watch) -> Path:
    """Write the rows of some inputs as CSV, with the columns of the command batch.

    Raises ExportError, HookscopeError, Cancelled.
    """
    from engine.folders.index.queries import Index
    from engine.folders.outputs.table import write_csv

    with Index(folder) as index:
        _, about = index.job(job)
        write_csv(index, _each(index, job, numbers, watch), about, path)
    return path


def write_paths(folder: Path, job: int, numbers: Sequence[int], path: Path, watch: Watch) -> Path:
    """Write the paths of some inputs, one a line. Raises ExportError, HookscopeError, Cancelled."""
    from engine.folders.index.queries import Index

    with Index(folder) as index, whole_file(path) as file:
        for shown in _each(index, job, numbers, watch):
            file.write(os.fsencode(shown.path) + b"\n")
    return path


def copy_files(
    folder: Path, job: int, numbers: Sequence[int], goal: Path, watch: Watch
) -> tuple[Path, int, int]:
    """Copy the files of some inputs into a folder, with the names that they have below the folder
    that was opened; the folder, how many were copied, and how many could not be read.

    A file that is there already is kept, and the copy has a number in its name. Raises ExportError,
    HookscopeError, Cancelled.
    """
    from engine.folders.index.queries import Index

    done = failed = 0
    with Index(folder) as index:
        for shown in _each(index, job, numbers, watch):
            try:
                with regular.opened(Path(shown.path), _Unread) as source:
                    _copy(source, _free(goal, shown.name), watch)
                done += 1
            except (_Unread, OSError):
                failed += 1
    return goal, done, failed


class _Unread(HookscopeError):
    """A file that cannot be read."""


def _copy(source: BinaryIO, target: Path, watch: Watch) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target.parent, error) from error
    with whole_file(target) as file:
        while block := source.read(_BLOCK):
            watch.cancel.raise_if_cancelled()
            file.write(block)


def _free(goal: Path, name: str) -> Path:
    """A path in a folder that no file has, and that does not leave it."""
    parts = [part for part in Path(name).parts if part not in ("..", os.sep) and ":" not in part]
    if not parts:
        raise ExportError(f"{name}: a file of this name cannot be copied; rename it")
    whole = goal.joinpath(*parts)
    count = 1
    while whole.exists():
        count += 1
        stem = Path(parts[-1])
        whole = goal.joinpath(*parts[:-1], f"{stem.stem} ({count}){stem.suffix}")
    return whole


def _each(index: Index, job: int, numbers: Sequence[int], watch: Watch) -> Iterator[Shown]:
    for start in range(0, len(numbers), _AT_ONCE):
        watch.report(start / max(1, len(numbers)), f"{start:,} of {len(numbers):,} images")
        for shown in index.rows(job, numbers[start : start + _AT_ONCE]):
            watch.cancel.raise_if_cancelled()
            yield shown
