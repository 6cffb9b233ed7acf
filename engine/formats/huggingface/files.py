"""Finds and checks the files of a Hugging Face folder before anything else reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError, WeightsError
from engine.files import regular
from engine.files.kinds import Kind, kind_of
from engine.weights.state_dicts import StateDict, checksum, read_state_dict
from engine.weights.torch_files import Reading

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_LARGEST_JSON = 8_000_000
# Code that consumes a configuration walks it recursively.
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a folder: a single file (main), or an index (main) with its shards."""

    main: Path
    shards: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """The file's checksum, or a checksum over the shards' checksums if there are several."""
        if len(self.shards) == 1:
            return checksum(self.shards[0])
        return hashlib.sha256("".join(map(checksum, self.shards)).encode()).hexdigest()

    def begin(self) -> Reading:
        """Start reading the first file, for read()."""
        return Reading(self.shards[0])

    def read(self, first: Reading) -> StateDict:
        """The tensors of all files. Raises WeightsError."""
        state: StateDict = {}
        for path in self.shards:
            state |= read_state_dict(path, first if path == self.shards[0] else None)
        return state


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file. Raises ModelError, naming the file, if there is none."""
    try:
        content = json.loads(regular.read(path, ModelError, _LARGEST_JSON).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); download it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: contains no configuration; download it again")
    if _is_deep(content):
        raise ModelError(
            f"{path}: nested more than {_DEEPEST} levels deep, too deep for a configuration; "
            "download it again"
        )
    return content


def _is_deep(content: dict[str, Any]) -> bool:
    level: list[Any] = [content]
    for _ in range(_DEEPEST):
        level = [
            value
            for outer in level
            for value in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(value, dict | list)
        ]
    return bool(level)


def weights_of(folder: Path) -> Weights:
    """The weights of a folder, checked: every file exists and its header is consistent.

    Raises WeightsError, naming what is missing or damaged.
    """
    for name in _WEIGHTS:
        path, index = folder / name, folder / f"{name}.index.json"
        if path.is_file():
            _check(path)
            return Weights(path, (path,))
        if index.is_file():
            return Weights(index, _shards(folder, index))
    raise WeightsError(
        f"{folder}: no weights beside config.json ({' or '.join(_WEIGHTS)}); "
        "download the folder with its weights"
    )


def shards_of(path: Path) -> Weights:
    """The weights of a folder with an index, or of an index, checked like weights_of."""
    index = path if path.is_file() else weights_of(path).main
    return Weights(index, _shards(index.parent, index))


def _shards(folder: Path, index: Path) -> tuple[Path, ...]:
    listed = read_json(index).get("weight_map")
    names = sorted({str(n) for n in listed.values()}) if isinstance(listed, Mapping) else []
    if not names or any(Path(name).name != name for name in names):
        raise WeightsError(f"{index}: lists no weights files of this folder; download it again")
    paths = tuple(folder / name for name in names)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise WeightsError(
            f"{folder}: {len(missing)} of {len(paths)} weights files are missing ({missing[0]}"
            f"{', ...' if len(missing) > 1 else ''}); download the folder again"
        )
    for path in paths:
        _check(path)
    return paths


def _check(path: Path) -> None:
    if kind_of(path) not in (Kind.SAFETENSORS, Kind.WEIGHTS, Kind.PICKLED):
        raise WeightsError(f"{path}: not a weights file, or damaged; download it again")
