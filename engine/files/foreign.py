"""Names files of other programs that are given as a model or an image, with the way to open their
content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_TFJS = (b'"modelTopology"', b'"weightsManifest"', b'"layers-model"', b'"graph-model"')


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A kind of file. matches: told by its path and first bytes. words: what it is, and the way
    out; {name} is its name, {stem} the name without suffix."""

    matches: Callable[[Path, bytes], bool]
    words: str


def _converted(what: str, option: str) -> str:
    return (
        f"{what}, which cannot be explained; convert it with 'python -m tf2onnx.convert {option} "
        '"{name}" --output "{stem}.onnx"\' and open the .onnx file'
    )


def _picture(what: str) -> str:
    return f"{what}, not a model; open it as an image"


_PSD = "a PSD picture (Photoshop), which cannot be read; save it as PNG and open that as an image"


def _suffixed(*suffixes: str) -> Callable[[Path, bytes], bool]:
    return lambda path, _head: path.suffix.lower() in suffixes


_KINDS = (
    _Foreign(
        _suffixed(".hookscope"),
        "a saved session, which names images and models; open it in the window",
    ),
    _Foreign(lambda _, head: head[128:132] == b"DICM", _picture("a DICOM picture")),
    _Foreign(
        lambda _, head: head[4:8] == b"ftyp" and head[8:12] in _HEIF, _picture("a HEIC picture")
    ),
    _Foreign(lambda _, head: head.startswith(b"8BPS"), _PSD),
    _Foreign(
        lambda _, head: head.startswith(b"version https://git-lfs"),
        "a Git LFS pointer, not the file itself; get the file with 'git lfs pull'",
    ),
    _Foreign(
        lambda _, head: head.lstrip().lower().startswith((b"<!doctype", b"<html")),
        "a web page saved instead of the file; download it again",
    ),
    _Foreign(
        _suffixed(".ipynb"),
        "a notebook; put the network's class into a Python file (.py) and open that",
    ),
    _Foreign(lambda _, head: head.startswith(b"\x89HDF"), _converted("a Keras model", "--keras")),
    _Foreign(
        lambda path, head: (
            head.startswith(b"PK") and (b"metadata.json" in head or path.suffix.lower() == ".keras")
        ),
        _converted("a Keras model", "--keras"),
    ),
    _Foreign(
        lambda path, head: head[4:8] == b"TFL3" or path.suffix.lower() == ".tflite",
        _converted("a TensorFlow Lite model", "--tflite"),
    ),
    _Foreign(
        lambda _, head: head.lstrip().startswith(b"{") and any(word in head for word in _TFJS),
        _converted("a TensorFlow.js model", "--tfjs"),
    ),
    _Foreign(
        lambda path, _: path.name == "saved_model.pb",
        "part of a TensorFlow SavedModel; open or convert its folder",
    ),
    _Foreign(_suffixed(".keras", ".h5", ".hdf5"), _converted("a Keras model", "--keras")),
    _Foreign(
        _suffixed(".pb"),
        _converted("a TensorFlow graph", "--graphdef") + " (it also needs --inputs and --outputs)",
    ),
    _Foreign(
        lambda _, head: head.startswith(b"\x93NUMPY"),
        "a NumPy array, not a model; open it as an image if it is one, or save the network's "
        "state_dict() with torch.save and open that",
    ),
    _Foreign(
        _suffixed(".pdparams", ".pdmodel", ".pdiparams"),
        "a PaddlePaddle model, which cannot be explained; convert it with paddle2onnx and open the "
        ".onnx file",
    ),
    _Foreign(
        lambda path, head: head.startswith(b"GGUF") or path.suffix.lower() == ".gguf",
        "a GGUF file, whose weights are quantised for language models; open the float network",
    ),
    _Foreign(
        _suffixed(".caffemodel", ".mlmodel", ".mlpackage"),
        "a model of another framework, which cannot be explained; convert it to ONNX and open the "
        ".onnx file",
    ),
    _Foreign(
        lambda _, head: head[:1] == b"\x80",
        "a pickle not written by torch.save; save the network's state_dict() with torch.save and "
        "open that",
    ),
)


def words_for(path: Path, head: bytes) -> str:
    """What a file is and what to do with it, as the end of a message; '' if it is unknown.

    head: its first bytes, 132 at least where it has as many.
    """
    for kind in _KINDS:
        if kind.matches(path, head):
            return kind.words.format(name=path.name, stem=path.stem)
    return ""


def words_for_folder(path: Path, names: frozenset[str]) -> str:
    """The same for a folder. names: of the files in it."""
    if "saved_model.pb" in names:
        words = _converted("a TensorFlow SavedModel", "--saved-model")
        return words.format(name=path.name, stem=path.name)
    if "model.json" in names:
        return "a folder with a model.json; open that file"
    return ""
