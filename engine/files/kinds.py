"""Detects the kind of a file by its content, in a reader process (engine.weights.headers)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import ModelError
from engine.files import foreign, presence, suffixes
from engine.reader import client


class Kind(StrEnum):
    """The kind of a file. WEIGHTS: tensors and plain values written by torch.save. PICKLED: a
    torch.save file that names other classes, as a whole module does. FOLDER: a Hugging Face folder.
    SHARDS: a folder with weights in several files and their index, or that index. ADAPTER: a folder
    with a LoRA adapter.
    """

    WEIGHTS = "weights"
    PICKLED = "pickled objects"
    SAFETENSORS = "safetensors"
    TORCHSCRIPT = "TorchScript archive"
    EXPORTED = "torch.export archive"
    COMPILED = "compiled archive"
    PYTHON = "Python file"
    ONNX = "ONNX file"
    FOLDER = "folder with a config.json"
    SHARDS = "index of weights in several files"
    ADAPTER = "folder with an adapter"
    PICTURE = "picture"
    OTHER = "something else"


_FOLDERS = {"adapter": Kind.ADAPTER, "network": Kind.FOLDER, "shards": Kind.SHARDS}


@dataclass(frozen=True, slots=True)
class Looked:
    """The kind of a file, and its first bytes."""

    kind: Kind
    head: bytes = b""


def look(path: Path) -> Looked:
    """The kind of a file or folder, by content, or by suffix where the content does not tell.

    Raises ModelError if it does not exist, is not a regular file or is empty; WeightsError for an
    archive or header that is truncated, or that claims more data than the file holds.
    """
    if presence.is_folder(path):
        return Looked(_kind_of_folder(path))
    if suffixes.is_index(path) and presence.is_file(path):
        return Looked(Kind.SHARDS)
    reply = client.ask("kind", ModelError, str(path), path=path).reply
    return Looked(Kind(reply["kind"]), str(reply["head"]).encode("latin-1"))


def _kind_of_folder(path: Path) -> Kind:
    for name, kind in suffixes.FOLDERS.items():
        if presence.is_file(path / name):
            return _FOLDERS[kind]
    known = frozenset(n for n in suffixes.FOREIGN_FOLDERS if presence.is_file(path / n))
    words = foreign.words_for_folder(path, known)
    raise ModelError(f"{path}: {words or 'a folder without a config.json; open a file in it'}")


def kind_of(path: Path) -> Kind:
    """The kind alone. Raises the same errors as look."""
    return look(path).kind


def refusal(path: Path, kind: Kind) -> ModelError:
    """The error for a kind of file that cannot be opened as a model, with what to do."""
    if kind is Kind.COMPILED:
        return ModelError(
            f"{path}: a compiled archive (by AOTInductor, for example), which contains no layers; "
            "save the network with torch.export.save"
        )
    words = foreign.words_for(path, look(path).head)
    if words:
        return ModelError(f"{path}: {words}")
    if kind is Kind.PICTURE:
        return ModelError(f"{path}: a picture, not a model; open it as an image")
    return ModelError(
        f"{path}: not a supported model format; open weights (.pth, .pt, .safetensors), "
        "a .pt2 archive, or the network's Python file"
    )
