"""What kind of file was given, told by its content; only headers are read, and nothing is run."""

from __future__ import annotations

import warnings
from enum import StrEnum
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from engine import archives, places
from engine.errors import ModelError
from engine.inert import unsafe_names


class Kind(StrEnum):
    """What a file is. WEIGHTS: tensors and plain values of torch.save. PICKLED: a file of
    torch.save that names other classes, as a whole module does. FOLDER: a folder of Hugging Face.
    """

    WEIGHTS = "weights"
    PICKLED = "pickled objects"
    SAFETENSORS = "safetensors"
    TORCHSCRIPT = "TorchScript archive"
    EXPORTED = "torch.export archive"
    PYTHON = "Python file"
    ONNX = "ONNX file"
    FOLDER = "folder with a config.json"
    PICTURE = "picture"
    OTHER = "something else"


_HEAD = 512
# Formats of data that Pillow only recognises.
_NO_PICTURES = ("HDF5", "GRIB", "BUFR")
_PYTHON = frozenset({".py", ".pyw"})
_SCRIPTED = (
    "{path}: a TorchScript archive. Its submodules take no hooks, so no layer of it can be "
    "explained; save the network's state_dict() and open that, or export the network with "
    "torch.export.save and open the .pt2 file"
)


def kind_of(path: Path) -> Kind:
    """The kind of a file or folder, by content first and by suffix where content does not tell.

    Raises ModelError for what is not there or empty, WeightsError for an archive or header that is
    cut off, or that claims more than the file holds.
    """
    if places.is_folder(path):
        if places.is_file(path / "config.json"):
            return Kind.FOLDER
        raise ModelError(f"{path}: a folder without a config.json; open a file in it")
    head = _head(path)
    suffix = path.suffix.lower()
    if head.startswith(archives.ZIP):
        return _zip_kind(path)
    if archives.is_legacy(head):
        return _pickle_kind(path)
    if suffix == ".safetensors" or archives.is_safetensors(head):
        archives.check_safetensors(path)
        return Kind.SAFETENSORS
    if suffix in _PYTHON:
        return Kind.PYTHON
    if suffix == ".onnx" or _is_onnx(head):
        return Kind.ONNX
    return Kind.PICTURE if _is_picture(path) else Kind.OTHER


def refusal(path: Path, kind: Kind) -> ModelError:
    """The error for a file of a kind that cannot be opened as a model, with the way out."""
    if kind is Kind.TORCHSCRIPT:
        return ModelError(_SCRIPTED.format(path=path))
    if kind is Kind.PICTURE:
        return ModelError(f"{path}: a picture, not a model; open it as an image")
    head = _head(path)
    if head.startswith(b"version https://git-lfs"):
        return ModelError(
            f"{path}: only the pointer that Git LFS left in place of the file; get it with "
            "'git lfs pull'"
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return ModelError(f"{path}: a web page, saved in place of the file; download it again")
    if path.suffix.lower() == ".ipynb":
        return ModelError(
            f"{path}: a notebook; put the network's class into a Python file (.py) and open that"
        )
    if head.startswith(b"\x89HDF") or path.suffix.lower() in (".keras", ".tflite", ".pb"):
        return ModelError(
            f"{path}: a network of TensorFlow or Keras; only those of PyTorch can be explained, so "
            "convert it to ONNX and open that"
        )
    if head[:1] == b"\x80":
        return ModelError(
            f"{path}: a pickle that torch.save did not write; save the network's state_dict() with "
            "torch.save and open that"
        )
    return ModelError(
        f"{path}: not a kind of file that holds a network; open weights (.pth, .pt, .safetensors), "
        "a .pt2 archive, or the Python file of the network"
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file; check the name") from None
    except OSError as error:
        raise ModelError(f"{path}: it cannot be read ({error.strerror})") from error
    if not head:
        raise ModelError(f"{path}: the file is empty; fetch or save it again")
    return head


def _zip_kind(path: Path) -> Kind:
    names = archives.members(path)
    # Names in the archive are below one folder, called as the file once was.
    inner = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return Kind.TORCHSCRIPT
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        return Kind.EXPORTED
    if "data.pkl" in inner:
        return _pickle_kind(path)
    return Kind.OTHER


def _pickle_kind(path: Path) -> Kind:
    facts = archives.pickle_facts(path)
    return Kind.PICKLED if unsafe_names(facts.names) else Kind.WEIGHTS


def _is_onnx(head: bytes) -> bool:
    """Whether it begins as an ONNX model does: the version of its format, then who wrote it."""
    return len(head) > 3 and head[0] == 0x08 and head[1] < 0x20 and head[2] == 0x12


def _is_picture(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.format not in _NO_PICTURES
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
