"""Where the commands for folders may write: nothing that is read, and none of the index's own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from cli.output import refuse_outputs
from engine.errors import ExportError
from engine.files import presence, suffixes
from engine.files.destinations import check_outputs, goal_of, refusal
from engine.folders.index.schema import FILE, LOCK, MAPS, OVERLAYS

_TABLES = ("table.csv", "table.parquet", "index.html")
_OWN = (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", LOCK, *_TABLES)


def check_json(options: argparse.Namespace, folder: Path) -> None:
    """Reject a --json that cannot be written, or that is a file of the index in a folder. Raises
    ExportError."""
    if options.json not in (None, "-") and not os.path.lexists(folder):
        beside = Path(options.json).absolute().parent
        if os.path.realpath(beside) == os.path.realpath(folder):
            # It will be there.
            if Path(options.json).name in _OWN:
                raise _own(options.json)
            return
    refuse_outputs(options, "json")
    if options.json is None or options.json == "-":
        return
    goal = goal_of(Path(options.json))
    own = {os.path.normcase(os.path.realpath(folder / name)) for name in _OWN}
    if goal.exchanged and os.path.normcase(goal.real) in own:
        raise _own(options.json)


def _own(name: str) -> ExportError:
    return ExportError(f"--json {name}: the index has a file of that name; choose another name")


def check_files(options: argparse.Namespace, folder: Path, paths: Sequence[Path]) -> None:
    """Reject what batch would write over: the lists and images that it reads, folders and other
    things with the names of its files. Raises ExportError."""
    labels = [options.labels] if options.labels is not None else []
    read = [path for path in (*paths, *labels) if not presence.is_folder(Path(path))]
    for name in _TABLES:
        if os.path.lexists(folder / name):
            check_outputs({"--out": folder / name}, read)
            if not goal_of(folder / name).exchanged:
                raise refusal(folder / name, "not a regular file; remove it")
    for name in (OVERLAYS, MAPS):
        there = getattr(options, name) and os.path.lexists(folder / name)
        if there and not presence.is_folder(folder / name):
            raise refusal(folder / name, "a folder is to have this name; remove it")
    if options.json is None or options.json == "-":
        return
    if os.path.lexists(options.json):
        check_outputs({"--json": options.json}, read)
    target = Path(os.path.realpath(options.json))
    is_image = target.suffix.lower() in suffixes.IMAGES or suffixes.may_be_dicom(target)
    inside = any(target.is_relative_to(os.path.realpath(path)) for path in paths)
    if is_image and inside and presence.is_file(target):
        raise ExportError(
            f"--json {options.json}: it would overwrite an input file; choose another name"
        )
