"""Finds the files that a state dict was split into, by their index (*.index.json)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.errors import WeightsError
from engine.files.json_files import read_json
from engine.files.kinds import Kind, kind_of


def files_of(index: Path) -> tuple[Path, ...]:
    """The weights files that an index lists, checked: all are there, with consistent headers.

    Raises WeightsError, naming what is missing or damaged.
    """
    listed = read_json(index).get("weight_map")
    names = sorted({str(n) for n in listed.values()}) if isinstance(listed, Mapping) else []
    if not names or any(Path(name).name != name for name in names):
        raise WeightsError(f"{index}: lists no weights files of this folder; download it again")
    paths = tuple(index.parent / name for name in names)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise WeightsError(
            f"{index.parent}: {len(missing)} of {len(paths)} weights files are missing "
            f"({missing[0]}{', ...' if len(missing) > 1 else ''}); download the folder again"
        )
    for path in paths:
        check(path)
    return paths


def check(path: Path) -> None:
    """Raises WeightsError for a file that holds no weights, or is damaged."""
    if kind_of(path) not in (Kind.SAFETENSORS, Kind.WEIGHTS, Kind.PICKLED):
        raise WeightsError(f"{path}: not a weights file, or damaged; download it again")
