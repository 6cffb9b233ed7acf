"""Guesses the kind of a file from its suffix, before its content is read."""

from __future__ import annotations

import re
from pathlib import Path

from engine.files import presence

IMAGES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".jp2", ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif"}
    | {".tiff", ".webp", ".avif", ".ico", ".pfm", ".heic", ".heif", ".hif", ".npy"}
    | {".dcm", ".dicom", ".ima"}
)
"""File suffixes of images, used when a folder is opened."""

DICOM_LIST = "DICOMDIR"
"""Name of the file that lists the DICOM files below its folder."""

WEIGHTS = frozenset({".pth", ".pt", ".bin", ".ckpt", ".tar", ".pkl", ".safetensors"})
"""File suffixes of weights, alone or inside a training checkpoint, and of whole networks."""

NETWORKS = frozenset({".py", ".pt2", ".onnx"})
"""File suffixes of files that contain a network's structure."""

FOREIGN = frozenset(
    {".h5", ".hdf5", ".keras", ".tflite", ".pb", ".pdparams", ".pdmodel", ".pdiparams"}
    | {".caffemodel", ".mlmodel", ".mlpackage", ".gguf", ".ipynb"}
)
"""File suffixes of other programs' models, which are refused with the way to open their content."""

CLASS_NAMES = frozenset({".txt", ".csv", ".json"})
"""File suffixes of lists of class names."""

INDEX = ".index.json"
"""File suffix of the list of weights files that a network's weights were split into."""

_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.")

FOLDERS = {
    "adapter_config.json": "adapter",
    "config.json": "network",
    "model.safetensors.index.json": "shards",
    "pytorch_model.bin.index.json": "shards",
}
"""What a folder is, by a file in it; the first that exists counts."""

FOREIGN_FOLDERS = ("saved_model.pb", "model.json")
"""Files by which the folders of other programs' models are told."""

PROFILE = ".hookscope.json"
"""File suffix of a model profile."""


def is_model(path: Path) -> bool:
    """Whether a path looks like a model: a file with such a suffix, or a folder of one; also of
    another program, which is refused with what it is."""
    if path.suffix.lower() in WEIGHTS | NETWORKS | FOREIGN or is_index(path):
        return True
    known = (*FOLDERS, "saved_model.pb")
    return presence.is_folder(path) and any(presence.is_file(path / name) for name in known)


def is_made_by_description(path: Path) -> bool:
    """Whether a path looks like a model whose network is built from a description: ONNX, folder."""
    return path.suffix.lower() == ".onnx" or presence.is_folder(path)


def is_index(path: Path) -> bool:
    return path.name.lower().endswith(INDEX)


def shards(path: Path) -> int:
    """Of how many files that hold weights together a file is one, by its name."""
    found = _SHARD.search(path.name)
    return int(found[1]) if found is not None else 1


def is_shard(path: Path) -> bool:
    return shards(path) > 1


def may_be_dicom(path: Path) -> bool:
    """Whether a file may be DICOM although it has no image suffix: scanners write names without a
    suffix, or ones that end in numbers (1.2.840.113)."""
    named = not path.suffix or path.suffix[1:].isdigit()
    return named and path.name.upper() != DICOM_LIST


SESSION = ".hookscope"
"""File suffix of a saved session."""

SESSION_MIME = "application/x-hookscope-session"
"""MIME type of a saved session."""


def is_session(path: Path) -> bool:
    return path.suffix.lower() == SESSION


def is_profile(path: Path) -> bool:
    return path.name.lower().endswith(PROFILE)


def is_class_names(path: Path) -> bool:
    return path.suffix.lower() in CLASS_NAMES and not (is_profile(path) or is_index(path))
