"""Detects the kind of a file by its content, in a reader process (engine.weights.headers)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import ModelError
from engine.files import presence
from engine.reader import client


class Kind(StrEnum):
    """The kind of a file. WEIGHTS: tensors and plain values written by torch.save. PICKLED: a
    torch.save file that names other classes, as a whole module does. FOLDER: a Hugging Face folder.
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
    PICTURE = "picture"
    OTHER = "something else"


_SCRIPTED = (
    "{path}: a TorchScript archive. Its submodules support no hooks, so no layer can be "
    "explained; save the network's state_dict() and open that, or export the network with "
    "torch.export.save and open the .pt2 file"
)


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
        if presence.is_file(path / "config.json"):
            return Looked(Kind.FOLDER)
        raise ModelError(f"{path}: a folder without a config.json; open a file in it")
    reply = client.ask("kind", ModelError, str(path), path=path).reply
    return Looked(Kind(reply["kind"]), str(reply["head"]).encode("latin-1"))


def kind_of(path: Path) -> Kind:
    """The kind alone. Raises the same errors as look."""
    return look(path).kind


def refusal(path: Path, kind: Kind) -> ModelError:
    """The error for a kind of file that cannot be opened as a model, with what to do."""
    if kind is Kind.TORCHSCRIPT:
        return ModelError(_SCRIPTED.format(path=path))
    if kind is Kind.PICTURE:
        return ModelError(f"{path}: a picture, not a model; open it as an image")
    if kind is Kind.COMPILED:
        return ModelError(
            f"{path}: a compiled archive (by AOTInductor, for example), which contains no layers; "
            "save the network with torch.export.save"
        )
    head = look(path).head
    if head.startswith(b"version https://git-lfs"):
        return ModelError(
            f"{path}: a Git LFS pointer, not the file itself; get the file with 'git lfs pull'"
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return ModelError(f"{path}: a web page saved instead of the file; download it again")
    if path.suffix.lower() == ".ipynb":
        return ModelError(
            f"{path}: a notebook; put the network's class into a Python file (.py) and open that"
        )
    if head.startswith(b"\x89HDF") or path.suffix.lower() in (".keras", ".tflite", ".pb"):
        return ModelError(
            f"{path}: a TensorFlow or Keras model, which cannot be explained; convert it to ONNX "
            "and open that"
        )
    if head[:1] == b"\x80":
        return ModelError(
            f"{path}: a pickle not written by torch.save; save the network's state_dict() with "
            "torch.save and open that"
        )
    return ModelError(
        f"{path}: not a supported model format; open weights (.pth, .pt, .safetensors), "
        "a .pt2 archive, or the network's Python file"
    )
