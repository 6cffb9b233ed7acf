"""Finds and checks the files of a Hugging Face folder before anything else reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import WeightsError
from engine.weights import shards
from engine.weights.state_dicts import StateDict, checksum, read_state_dict
from engine.weights.torch_files import Reading

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a folder: a single file (main), or an index (main) with its shards."""

    main: Path
    shards: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """The file's checksum, or a checksum over the shards' checksums if there are several."""
        return checksum(self.main)

    def begin(self) -> Reading:
        """Start reading the first file, for read()."""
        return Reading(self.shards[0])

    def read(self, first: Reading) -> StateDict:
        """The tensors of all files. Raises WeightsError."""
        state: StateDict = {}
        for path in self.shards:
            state |= read_state_dict(path, first if path == self.shards[0] else None)
        return state


def weights_of(folder: Path) -> Weights:
    """The weights of a folder, checked: every file exists and its header is consistent.

    Raises WeightsError, naming what is missing or damaged.
    """
    for name in _WEIGHTS:
        path, index = folder / name, folder / f"{name}.index.json"
        if path.is_file():
            shards.check(path)
            return Weights(path, (path,))
        if index.is_file():
            return Weights(index, shards.files_of(index))
    raise WeightsError(
        f"{folder}: no weights in it ({' or '.join(_WEIGHTS)}); "
        "download the folder with its weights"
    )
