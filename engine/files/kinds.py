"""What kind of file was given. A reader process tells it by the content
(engine.weights.headers)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import ModelError
from engine.files import presence
from engine.reader import client


class Kind(StrEnum):
    """What a file is. WEIGHTS: tensors and plain values of torch.save. PICKLED: a file of
    torch.save that names other classes, as a whole module does. FOLDER: a folder of Hugging Face.
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
    "{path}: a TorchScript archive. Its submodules take no hooks, so no layer of it can be "
    "explained; save the network's state_dict() and open that, or export the network with "
    "torch.export.save and open the .pt2 file"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a file tells: its kind, and its first bytes."""

    kind: Kind
    head: bytes = b""


def look(path: Path) -> Looked:
    """The kind of a file or folder, by content first and by suffix where content does not tell.

    Raises ModelError for what is not there, no regular file or empty; WeightsError for an archive
    or header that is cut off, or that claims more than the file holds.
    """
    if presence.is_folder(path):
        if presence.is_file(path / "config.json"):
            return Looked(Kind.FOLDER)
        raise ModelError(f"{path}: a folder without a config.json; open a file in it")
    reply = client.ask("kind", ModelError, str(path), path=path).reply
    return Looked(Kind(reply["kind"]), str(reply["head"]).encode("latin-1"))


def kind_of(path: Path) -> Kind:
    """As look, the kind alone."""
    return look(path).kind


def refusal(path: Path, kind: Kind) -> ModelError:
    """The error for a file of a kind that cannot be opened as a model, with the way out."""
    if kind is Kind.TORCHSCRIPT:
        return ModelError(_SCRIPTED.format(path=path))
    if kind is Kind.PICTURE:
        return ModelError(f"{path}: a picture, not a model; open it as an image")
    if kind is Kind.COMPILED:
        return ModelError(
            f"{path}: an archive without a program (compiled by AOTInductor, say), so there are no "
            "layers in it; save the network with torch.export.save"
        )
    head = look(path).head
    if head.startswith(b"version https://git-lfs"):
        return ModelError(
            f"{path}: only the Git LFS pointer to the file; get it with 'git lfs pull'"
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return ModelError(f"{path}: a web page, saved in place of the file; download it again")
    if path.suffix.lower() == ".ipynb":
        return ModelError(
            f"{path}: a notebook; put the network's class into a Python file (.py) and open that"
        )
    if head.startswith(b"\x89HDF") or path.suffix.lower() in (".keras", ".tflite", ".pb"):
        return ModelError(
            f"{path}: a TensorFlow or Keras model; only PyTorch models can be explained: convert "
            "it to ONNX and open that"
        )
    if head[:1] == b"\x80":
        return ModelError(
            f"{path}: a pickle that torch.save did not write; save the network's state_dict() with "
            "torch.save and open that"
        )
    return ModelError(
        f"{path}: not a file format that holds a network; open weights (.pth, .pt, .safetensors), "
        "a .pt2 archive, or the Python file of the network"
    )
