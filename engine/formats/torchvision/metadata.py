"""What torchvision says of its classifiers: names, published weights, classes and preprocessing."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.lazy import torchvision
from engine.records.images import Preprocessing


def names() -> tuple[str, ...]:
    """Names of all classifiers of the installed torchvision, sorted."""
    models = torchvision.load().models
    return tuple(models.list_models(module=models))


def entries(name: str) -> tuple[Any, ...]:
    """The published weights of a classifier (members of its weights enum), the default first.

    Entries without classes are left out: vgg16's bare features come with a head of NaN.
    """
    weights = torchvision.load().models.get_model_weights(name)
    others = (entry for entry in weights if entry is not weights.DEFAULT)
    return (weights.DEFAULT, *(entry for entry in others if entry.meta["categories"]))


def imagenet_labels() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes, in the order of WordNet IDs."""
    return tuple(entries("resnet18")[0].meta["categories"])


def cached_file(entry: Any) -> Path:
    """The path of a published entry in torch's hub cache, whether it exists or not."""
    name: str = entry.url.rpartition("/")[2]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def cached_weights(name: str) -> tuple[Path, Any]:
    """The file and entry of a classifier's weights in torch's hub cache, preferring the default.

    Raises ModelError, saying how to get one, if there is none.
    """
    for entry in entries(name):
        path = cached_file(entry)
        if path.is_file():
            return path, entry
    path = cached_file(entries(name)[0])
    raise ModelError(
        f"{name}: its weights are not downloaded; download them (Model > Open torchvision "
        f"model, or 'download {name}' on the command line), open it together with a weights file "
        f"(--weights FILE), or put {path.name} into {path.parent}"
    )


def published_entry(name: str, sha256: str) -> Any | None:
    """The published entry whose file has this checksum, whatever its name; None if there is none.

    The name of a published file ends in the first digits of its checksum.
    """
    for entry in entries(name):
        digest = Path(entry.url.rpartition("/")[2]).stem.rpartition("-")[2]
        if sha256.startswith(digest):
            return entry
    return None


def nearest(text: str, others: tuple[str, ...] = ()) -> str:
    """The end of a message about an unknown name: similar names, or examples.

    others: names of further models.
    """
    near = difflib.get_close_matches(text.lower(), (*others, *names()), n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; name a demo (demo:photos), a torchvision classifier (resnet50) or a model file"


def preprocessing_of(entry: Any) -> Preprocessing:
    """The preset of a published entry as a record."""
    preset = entry.transforms()
    crop = preset.crop_size[0]
    return Preprocessing(
        resize=preset.resize_size[0],
        crop=(crop, crop),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
        antialias=bool(preset.antialias),
    )
